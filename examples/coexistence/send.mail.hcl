send_connector "exchange_online" {
  address_spaces = [local.tenant]
  smart_hosts    = ["contoso-com.mail.protection.outlook.com"]

  tls {
    mode   = "required"
    verify = "domain"
    domain = "mail.protection.outlook.com"
  }
}

send_connector "mailbox_servers" {
  address_spaces = [domain.contoso.name]
  smart_hosts    = ["mbx01.corp.contoso.com", "mbx02.corp.contoso.com"]
}

send_connector "internet" {
  address_spaces = ["*"] # by MX, opportunistic TLS
}
