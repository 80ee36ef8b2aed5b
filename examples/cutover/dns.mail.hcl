zone "wingtip" {
  name = "wingtip.example"

  update "rfc2136" {
    server = "ns1.wingtip.example"

    tsig {
      name   = "mailrelay."
      secret = secret_file("/run/secrets/tsig.key")
    }
  }
}

record "mx" {
  zone   = zone.wingtip
  type   = "MX"
  ttl    = domain.wingtip.stage.ttl
  values = domain.wingtip.stage.mx
}

record "spf" { # lists both sides for as long as both send
  zone   = zone.wingtip
  type   = "TXT"
  values = [spf({ ip4 = domain.wingtip.stage.senders, include = ["spf.protection.outlook.com"], all = "softfail" })]
}

service "microsoft365" "wingtip" {
  domain  = domain.wingtip
  purpose = ["email"]
  dkim = [
    "selector1-wingtip-example._domainkey.wingtip.onmicrosoft.com",
    "selector2-wingtip-example._domainkey.wingtip.onmicrosoft.com",
  ]
  except = ["mx", "autodiscover"] # record.mx follows the stage, and clients are told last
}

expect "rdns" {
  name   = "25.2.0.192.in-addr.arpa"
  type   = "PTR"
  values = ["mx.wingtip.example."]
}
