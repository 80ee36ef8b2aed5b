package main

import (
	"fmt"
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/mailrelay/mailrelay/apply/relay"
)

// supervise tells systemd what the relay does (sd_notify(3)). Where nothing wants to
// know, it says nothing.
func supervise(log *slog.Logger) func(relay.Phase, string) {
	watchdog, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Warn("the watchdog of the supervisor is not served", "error", err)
	}
	return func(p relay.Phase, status string) {
		text := ""
		switch p {
		case relay.Ready:
			text = daemon.SdNotifyReady
		case relay.Reloading:
			text = daemon.SdNotifyReloading + "\n" + daemon.SdNotifyMonotonicUsec()
		case relay.Stopping:
			text = daemon.SdNotifyStopping
		case relay.Alive:
			if watchdog == 0 {
				return
			}
			text = daemon.SdNotifyWatchdog
		}
		if status != "" {
			text += fmt.Sprintf("\nSTATUS=%s", status)
		}
		if _, err := daemon.SdNotify(false, text); err != nil {
			log.Warn("the supervisor could not be told how the relay is", "error", err)
		}
	}
}
