# A provider that takes mail for some thousand domains of its customers and passes it
# on. A customer is a line of domains.csv; nothing else is written for one.

mailrelay {
  required_version = ">= 0.1"
}

locals {
  customers = { for c in csvdecode(file("domains.csv")) : c.domain => c } # domain,host
  hosts     = toset([for c in local.customers : c.host])
}

relay "mx" {
  hostname         = "mx.hosting.example"
  egress_addresses = ["192.0.2.25"]
}

zone "customer" {
  for_each = local.customers

  name = each.key

  update "rfc2136" {
    server = "ns1.hosting.example"

    tsig {
      name   = "mailrelay."
      secret = secret_file("/run/secrets/tsig.key")
    }
  }
}

record "mx" {
  for_each = local.customers

  zone   = zone.customer[each.key]
  type   = "MX"
  values = ["10 ${relay.mx.hostname}."]
}

domain "customer" {
  for_each = local.customers

  name = each.key
  type = "internal_relay" # the customer's host knows the recipients
}

receive_connector "internet" {
  relay             = relay.mx
  bindings          = ["0.0.0.0:25"]
  remote_ip_ranges  = ["0.0.0.0/0"]
  permission_groups = ["anonymous_users"] # the customers' domains and no others
}

send_connector "customer" { # one for all customers of a host
  for_each = local.hosts

  address_spaces = [for c in local.customers : domain.customer[c.domain].name if c.host == each.key]
  smart_hosts    = ["${each.key}.hosting.example"]
}
