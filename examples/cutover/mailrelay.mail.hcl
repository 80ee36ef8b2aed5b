# wingtip.example moves from its own mail server to Exchange Online. Where the
# domain is on that road is one line, domain.wingtip.stage: a cutover is a change to
# it, and so is the way back.
#
#     coexist   mail comes in through the relay, which knows who has moved
#     cutover   mail goes to Exchange Online, which knows everybody
#     done      nothing sends through the relay any more, and nobody wants to go back
#
# The cutover is refused until two days have passed in coexist and what Exchange
# Online needs stands in DNS. The relay keeps accepting the domain afterwards, since
# others may know the old MX for as long as its TTL says: whatever is taken out of
# these files, stays in force until then.

mailrelay {
  required_version = ">= 0.1"
}

locals {
  name = "wingtip.example" # connectors and the domain share it
}

stage "coexist" {
  mx      = ["10 ${relay.edge.hostname}."]
  ttl     = 300
  via     = send_connector.mailbox_server
  senders = relay.edge.egress_addresses
}

stage "cutover" {
  after    = stage.coexist
  hold     = "48h"
  requires = [service.microsoft365.wingtip, record.spf, expect.rdns]

  mx      = ["0 wingtip-example.mail.protection.outlook.com."]
  ttl     = 300
  via     = send_connector.exchange_online
  senders = relay.edge.egress_addresses
}

stage "done" {
  after = stage.cutover
  hold  = "14d"

  mx      = ["0 wingtip-example.mail.protection.outlook.com."]
  ttl     = 3600
  via     = send_connector.exchange_online
  senders = []
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
