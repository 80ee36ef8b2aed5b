zone "contoso" {
  name = "contoso.com"

  update "rfc2136" {
    server = "ns1.corp.contoso.com"

    tsig {
      name      = "mailrelay."
      algorithm = "hmac-sha256"
      secret    = secret_file("/run/secrets/tsig.key")
    }
  }
}

record "mx" { # mailrelay writes it
  zone   = zone.contoso
  type   = "MX"
  ttl    = 300
  values = domain.contoso.stage.mx
}

record "spf" {
  zone   = zone.contoso
  type   = "TXT"
  values = [spf({ ip4 = relay.edge.egress_addresses, include = ["spf.protection.outlook.com"], all = "fail" })]
}

expect "rdns" { # someone else writes it; mailrelay checks it and waits for it
  name   = "25.113.0.203.in-addr.arpa"
  type   = "PTR"
  values = ["relay.contoso.com."]
}
