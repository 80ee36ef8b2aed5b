# What people noticed when IIS went, and must not notice again: mailrelay test

test "copier_reaches_a_colleague" {
  for_each = var.copiers

  client = cidrhost(each.value, 20)
  from   = "scan@tailspintoys.com"
  to     = "ann@tailspintoys.com"
  accept = true
  via    = send_connector.microsoft365
}

test "copier_reaches_nobody_else" {
  client = "10.8.3.7"
  from   = "scan@tailspintoys.com"
  to     = "someone@fabrikam.com"
  accept = false
  code   = 550
}

test "invoices_reach_customers" {
  client    = "10.1.0.25"
  from      = "invoices@tailspintoys.com"
  to        = "someone@fabrikam.com"
  at        = "2027-06-30T12:00:00Z"
  accept    = true
  connector = receive_connector.applications
  via       = send_connector.internet
}

test "invoices_end_with_their_entry" {
  client = "10.1.0.25"
  from   = "invoices@tailspintoys.com"
  to     = "someone@fabrikam.com"
  at     = "2027-07-01T00:00:00Z"
  accept = false
}

test "scan_of_thirty_megabytes" {
  client = "10.8.3.7"
  from   = "scan@tailspintoys.com"
  to     = "ann@tailspintoys.com"
  size   = "30MiB"
  accept = false
  code   = 552
}

test "stranger" {
  client = "203.0.113.9"
  from   = "a@example.org"
  to     = "ann@tailspintoys.com"
  accept = false
}
