relay "edge" {
  hostname         = "relay.contoso.com"
  egress_addresses = ["203.0.113.25"] # the NAT address that the Internet sees

  tls { # without this block the relay makes itself a self-signed certificate
    certificate = "/etc/mailrelay/tls.crt"
    key         = secret_file("/etc/mailrelay/tls.key")
  }
}

allowlist "applications" {
  addresses = ["10.30.0.0/24"]

  entry "10.1.2.3" {
    owner   = "facilities"
    comment = "door controller"
    expires = "2027-06-30"
  }
}

receive_connector "internet" {
  relay             = relay.edge
  remote_ip_ranges  = ["0.0.0.0/0", "::/0"]
  permission_groups = ["anonymous_users"] # own domains only: no accept_any_recipient, so no open relay
}

receive_connector "device" {
  for_each = var.devices

  relay             = relay.edge
  remote_ip_ranges  = each.value # the most specific range wins
  permission_groups = ["anonymous_users"]
  max_message_size  = "10MiB"

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }

  allowed_sender_domains = [domain.contoso.name]
}

receive_connector "application" {
  relay             = relay.edge
  allowlists        = [allowlist.applications]
  permission_groups = ["anonymous_users"]

  permission "anonymous" {
    allow = ["accept_any_recipient"]
  }
}
