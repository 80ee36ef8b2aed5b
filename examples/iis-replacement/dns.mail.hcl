# The provider writes the zone of this organisation by hand.
zone "tailspin" {
  name = "tailspintoys.com"

  update "manual" {}
}

record "spf" { # Microsoft 365, and the relay for what it sends by MX
  zone   = zone.tailspin
  type   = "TXT"
  values = [spf({ ip4 = relay.internal.egress_addresses, include = ["spf.protection.outlook.com"], all = "fail" })]
}

record "relay" {
  zone   = zone.tailspin
  name   = "smtp"
  type   = "A"
  values = relay.internal.egress_addresses
}

service "microsoft365" "tailspin" {
  domain  = domain.tailspin
  purpose = ["email"]
  manage  = false # the provider's, and checked
  mx      = "tailspintoys-com.mail.protection.outlook.com"
  except  = ["dkim"]
}
