# A provider that takes mail for some thousand domains of its customers and passes it
# on. A customer is a line of domains.csv; nothing else is written for one.

mailrelay {
  required_version = ">= 0.1"
}

locals {
  lines     = csvdecode(file("domains.csv")) # domain,host
  customers = toset(local.lines[*].domain)
  spf       = spf({ ip4 = relay.mx.egress_addresses, all = "softfail" })
  dmarc     = dmarc({ policy = "none", rua = ["dmarc@hosting.example"] })
  hosts     = { for c in local.lines : c.host => c.domain... } # each with its domains
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

record "spf" { # the relay alone may send for a customer
  for_each = local.customers

  zone   = zone.customer[each.key]
  type   = "TXT"
  values = [local.spf]
}

record "dmarc" {
  for_each = local.customers

  zone   = zone.customer[each.key]
  name   = "_dmarc"
  type   = "TXT"
  values = [local.dmarc]
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

  address_spaces = each.value
  smart_hosts    = ["${each.key}.hosting.example"]
}
