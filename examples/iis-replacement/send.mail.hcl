# A connector in Microsoft 365 takes mail from whoever shows this certificate, so no
# address and no password has to be registered there.
send_connector "microsoft365" {
  address_spaces = [domain.tailspin.name]
  smart_hosts    = ["tailspintoys-com.mail.protection.outlook.com"]

  tls {
    mode        = "required"
    verify      = "domain"
    domain      = "mail.protection.outlook.com"
    certificate = "/etc/mailrelay/smtp.crt"
    key         = secret_file("/etc/mailrelay/smtp.key")
  }
}

send_connector "internet" {
  address_spaces = ["*"] # by MX, opportunistic TLS
}

probe "customers" {
  relay = relay.internal
  from  = "probe@tailspintoys.com"
  to    = "echo@fabrikam.com"
}

check "copiers" {
  assert {
    condition     = length(setintersection(var.copiers, allowlist.applications.addresses)) == 0
    error_message = "A network of copiers is on the list of applications, so its copiers may write to anyone."
  }
}
