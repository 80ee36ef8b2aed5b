relay "edge" {
  hostname         = "mx.wingtip.example"
  egress_addresses = ["192.0.2.25"]
}

receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0", "::/0"]
  permission_groups = ["anonymous_users"] # own domains only
}

send_connector "mailbox_server" {
  address_spaces = [local.name]
  smart_hosts    = ["mail.corp.wingtip.example"]
}

send_connector "exchange_online" {
  address_spaces = ["wingtip.mail.onmicrosoft.com"]
  smart_hosts    = ["wingtip-example.mail.protection.outlook.com"]

  tls {
    mode   = "required"
    verify = "domain"
    domain = "mail.protection.outlook.com"
  }
}
