service "microsoft365" "contoso" {
  domain  = domain.contoso
  purpose = ["email"] # [] activates the domain and expects nothing of DNS
  mx      = "contoso-com.mail.protection.outlook.com"
  dkim = [
    "selector1-contoso-com._domainkey.contoso.onmicrosoft.com",
    "selector2-contoso-com._domainkey.contoso.onmicrosoft.com",
  ]
  except = ["mx", "autodiscover"] # record.mx decides the one, and clients still find Exchange on premises
}
