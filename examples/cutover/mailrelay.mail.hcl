# wingtip.example moves from its own mail server to Exchange Online. Where the
# domain is on that road is one line, domain.wingtip.stage: a cutover is a change to
# it, and so is the way back.
#
#     coexist   mail comes in through the relay, which knows who has moved
#     cutover   mail goes to Exchange Online, which knows everybody
#
# The cutover is refused until two days have passed in coexist and what Exchange
# Online needs stands in DNS. The relay keeps accepting the domain afterwards, since
# others may know the old MX for as long as its TTL says.

mailrelay {
  required_version = ">= 0.1"
}

locals {
  name = "wingtip.example" # connectors and the domain share it
}

stage "coexist" {
  mx  = ["10 ${relay.edge.hostname}."]
  ttl = 300
  via = send_connector.mailbox_server
}

stage "cutover" {
  after    = stage.coexist
  hold     = "48h"
  requires = [service.microsoft365.wingtip, record.spf, expect.rdns]

  mx  = ["0 wingtip-example.mail.protection.outlook.com."]
  ttl = 300 # raise it once nobody wants to go back
  via = send_connector.exchange_online
}

domain "wingtip" {
  name    = local.name
  type    = "internal_relay"
  default = true
  stage   = stage.coexist # stage.cutover is the cutover, and this line again the way back
}

recipients "moved" { # ahead of the others
  domain         = domain.wingtip
  addresses      = ["ann@wingtip.example", "bob@wingtip.example"]
  deliver_to     = send_connector.exchange_online
  rewrite_domain = "wingtip.mail.onmicrosoft.com"
}

recipients "staying" { # until their mailboxes move with the domain
  domain     = domain.wingtip
  addresses  = ["carol@wingtip.example", "dave@wingtip.example"]
  deliver_to = domain.wingtip.stage.via
}
