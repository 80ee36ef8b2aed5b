test "first_and_last" {
  for_each = { "c0001.example" = "a", "c3000.example" = "j" }

  client   = "198.51.100.7"
  from     = "a@fabrikam.com"
  to       = "someone@${each.key}"
  accept   = true
  via      = send_connector.customer[each.value]
  next_hop = "${each.value}.hosting.example"
}

test "no_customer" {
  client = "198.51.100.7"
  from   = "a@fabrikam.com"
  to     = "someone@c3001.example"
  accept = false
  code   = 550
}
