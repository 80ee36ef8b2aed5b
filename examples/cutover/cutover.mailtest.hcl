test "who_has_moved" {
  for_each = recipients.moved.addresses

  client       = "198.51.100.7"
  from         = "a@fabrikam.com"
  to           = each.value
  accept       = true
  via          = send_connector.exchange_online
  rewritten_to = replace(each.value, "wingtip.example", "wingtip.mail.onmicrosoft.com")
}

test "who_stays" {
  for_each = recipients.staying.addresses

  client = "198.51.100.7"
  from   = "a@fabrikam.com"
  to     = each.value
  accept = true
  via    = domain.wingtip.stage.via
}

test "no_open_relay" {
  client = "198.51.100.7"
  from   = "a@fabrikam.com"
  to     = "b@fabrikam.com"
  accept = false
  code   = 550
}
