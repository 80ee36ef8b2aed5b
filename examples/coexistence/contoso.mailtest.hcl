# What the configuration must go on doing: mailrelay test

test "printer_reaches_the_world" {
  client = "10.20.0.9"
  from   = "mfp3@contoso.com"
  to     = "someone@fabrikam.com"
  accept = true
  via    = send_connector.internet
}

test "printer_sends_as_nobody_else" {
  client = "10.20.0.9"
  from   = "mfp3@fabrikam.com"
  to     = "someone@fabrikam.com"
  accept = false
  code   = 550
}

test "every_device_network" {
  for_each = var.devices

  client    = cidrhost(each.value[0], 9)
  from      = "${each.key}@${domain.contoso.name}"
  to        = "someone@fabrikam.com"
  connector = receive_connector.device[each.key]
  via       = send_connector.internet
}

test "stranger_does_not" {
  client = "198.51.100.7"
  from   = "a@example.org"
  to     = "someone@fabrikam.com"
  accept = false
  code   = 550
}

test "stranger_over_ipv6_does_not" {
  client    = "2001:db8::7"
  from      = "a@example.org"
  to        = "someone@fabrikam.com"
  accept    = false
  connector = receive_connector.internet
}

test "who_moved_is_reached_in_the_cloud" {
  client       = "198.51.100.7"
  from         = "a@example.org"
  to           = "alice@contoso.com"
  via          = send_connector.exchange_online
  next_hop     = "contoso-com.mail.protection.outlook.com"
  rewritten_to = "alice@${local.tenant}"
}

test "who_stayed_is_reached_on_premises" {
  client       = "198.51.100.7"
  from         = "a@example.org"
  to           = "bob@contoso.com"
  via          = send_connector.mailbox_servers
  next_hop     = "mbx01.corp.contoso.com"
  rewritten_to = "bob@contoso.com"
}

test "door_controller_on_its_last_day" {
  client    = "10.1.2.3"
  at        = "2027-06-30T23:59:59Z"
  from      = "door@contoso.com"
  to        = "guard@fabrikam.com"
  accept    = true
  connector = receive_connector.application
}

test "door_controller_expired" {
  client    = "10.1.2.3"
  at        = "2027-07-01"
  from      = "door@contoso.com"
  to        = "guard@fabrikam.com"
  code      = 550
  connector = receive_connector.internet
}

test "scan_that_fits" {
  client = "10.20.0.9"
  from   = "mfp3@contoso.com"
  to     = "bob@contoso.com"
  size   = "10MiB"
  accept = true
}

test "scan_that_is_too_large" {
  client = "10.20.0.9"
  from   = "mfp3@contoso.com"
  to     = "bob@contoso.com"
  size   = "11MiB"
  code   = 552
}

test "bounces_come_home" {
  client = "198.51.100.7"
  from   = ""
  to     = "carol@contoso.com"
  accept = true
}
