domain "contoso" {
  name    = "contoso.com"
  type    = "internal_relay" # not every recipient lives here
  default = true
  stage   = stage.coexist # a cutover is a change to this line

  verification {
    method = "txt"
    value  = "MS=ms15068668" # issued by the service that wants the proof
  }
}

recipients "cloud" {
  domain         = domain.contoso
  addresses      = [for m in local.mailboxes : m.address if m.home == "cloud"]
  deliver_to     = send_connector.exchange_online
  rewrite_domain = local.tenant # RCPT TO becomes user@contoso.mail.onmicrosoft.com
}
