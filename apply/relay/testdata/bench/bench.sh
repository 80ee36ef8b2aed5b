#!/bin/bash
# Compares the throughput of this relay with that of Postfix: the same smtp-source
# sends the same messages through each of them in turn to the same smtp-sink.
#
#	bash apply/relay/testdata/bench/bench.sh [MESSAGES [ROUNDS]]
#
# A rate is messages a second from the start of smtp-source until smtp-sink has
# taken the last one: received, synced to disk, delivered. 20 sessions that stay
# open, 4 KiB a message. Run it as root (Postfix wants that), with Debian's
# postfix installed. Everything lives in a temporary directory, on loopback ports
# that are free, and ends with the script. MAILRELAY=FILE uses that binary instead
# of building one.
set -euo pipefail

messages=${1:-20000}
rounds=${2:-3}
sessions=20
size=4096

PATH=$PATH:/usr/sbin
for tool in postfix smtp-source smtp-sink; do
	command -v "$tool" >/dev/null || { echo "bench: $tool is missing: install Debian's postfix" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "bench: run it as root, Postfix does not start otherwise" >&2; exit 1; }

here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
chmod 755 "$work"
sink_pid= relay_pid=
cleanup() {
	[ -z "$sink_pid" ] || kill "$sink_pid" 2>/dev/null || true
	[ -z "$relay_pid" ] || kill "$relay_pid" 2>/dev/null || true
	[ ! -d "$work/postfix" ] || postfix -c "$work/postfix" stop >/dev/null 2>&1 || true
	wait 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT

listens() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

free_port() {
	local p
	while :; do
		p=$((20000 + RANDOM % 20000))
		listens "$p" || { echo "$p"; return; }
	done
}

await_port() {
	local i
	for i in $(seq 200); do
		if listens "$1"; then return; fi
		sleep 0.05
	done
	echo "bench: nothing listens on port $1; see the log:" >&2
	tail -n 20 "$work"/*.log >&2
	exit 1
}

sink=$(free_port) postfix_port=$(free_port) relay_port=$(free_port)

# start_postfix is Postfix with its defaults, but for what would keep it from
# relaying here, and without its throttle of clients (in_flow_delay).
start_postfix() {
	local dir=$work/postfix
	mkdir -p "$dir" "$work/queue" "$work/data"
	chown postfix "$work/data"
	cat >"$dir/main.cf" <<-END
		compatibility_level = 3.6
		queue_directory = $work/queue
		data_directory = $work/data
		maillog_file = $work/queue/postfix.log
		maillog_file_prefixes = $work
		myhostname = postfix.example
		mydestination =
		inet_interfaces = 127.0.0.1
		inet_protocols = ipv4
		mynetworks = 127.0.0.0/8
		relayhost = [127.0.0.1]:$sink
		disable_dns_lookups = yes
		smtp_host_lookup = native
		alias_maps =
		in_flow_delay = 0
		smtpd_client_connection_count_limit = 0
	END
	sed -E "s/^smtp +inet .*/127.0.0.1:$postfix_port inet n - n - - smtpd/; s/^([a-z]+ +(unix|fifo) +[-yn] +[-yn] +)y/\1n/" /usr/share/postfix/master.cf.dist >"$dir/master.cf"
	cp /etc/postfix/dynamicmaps.cf "$dir/" 2>/dev/null || true
	postfix -c "$dir" start >"$work/postfix.log" 2>&1
	await_port "$postfix_port"
}

stop_postfix() { postfix -c "$work/postfix" stop >/dev/null 2>&1; }

start_relay() {
	local dir=$work/relay
	mkdir -p "$dir"
	cat >"$dir/bench.mail.hcl" <<-END
		relay "bench" {
		  hostname = "relay.example.com"
		}
		receive_connector "bench" {
		  relay                              = relay.bench
		  bindings                           = ["127.0.0.1:$relay_port"]
		  remote_ip_ranges                   = ["127.0.0.0/8"]
		  permission_groups                  = ["anonymous_users"]
		  max_inbound_connections_per_source = 1000
		  permission "anonymous" {
		    allow = ["accept_any_recipient"]
		  }
		}
		send_connector "sink" {
		  address_spaces = ["*"]
		  smart_hosts    = ["127.0.0.1:$sink"]
		}
	END
	"$relay" -chdir="$dir" apply -auto-approve >"$work/apply.log" 2>&1
	"$relay" -chdir="$dir" serve >"$work/relay.log" 2>&1 &
	relay_pid=$!
	await_port "$relay_port"
}

stop_relay() {
	kill "$relay_pid"
	wait "$relay_pid"
	relay_pid=
}

# rate sends the messages to a port and sets rate to how many went through a
# second.
rate() {
	smtp-sink -u postfix -M "$messages" "127.0.0.1:$sink" 1000 &
	sink_pid=$!
	await_port "$sink"
	local start end
	start=$(date +%s%N)
	smtp-source -d -s "$sessions" -l "$size" -m "$messages" -f from@example.com -t to@example.net "127.0.0.1:$1"
	wait "$sink_pid"
	end=$(date +%s%N)
	sink_pid=
	rate=$((messages * 1000000000 / (end - start)))
}

relay=${MAILRELAY:-}
if [ -z "$relay" ]; then
	relay=$work/mailrelay
	(cd "$here" && go build -o "$relay" ../../../../cmd/mailrelay)
fi

echo "$messages messages of $size bytes, $sessions sessions, $rounds rounds"
best_postfix=0 best_relay=0
for round in $(seq "$rounds"); do
	start_postfix
	rate "$postfix_port"
	p=$rate
	stop_postfix
	start_relay
	rate "$relay_port"
	r=$rate
	stop_relay
	echo "round $round: Postfix $p/s, mailrelay $r/s, ratio $(awk "BEGIN { printf \"%.1f\", $r / $p }")"
	if [ "$p" -gt "$best_postfix" ]; then best_postfix=$p; fi
	if [ "$r" -gt "$best_relay" ]; then best_relay=$r; fi
done
echo "best: Postfix $best_postfix/s, mailrelay $best_relay/s, ratio $(awk "BEGIN { printf \"%.1f\", $best_relay / $best_postfix }")"
