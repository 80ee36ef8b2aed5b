package journal

// Reasons are the words for why something was refused. They are few, so that a
// measure may have one series for each.
func Reasons() []string {
	return []string{
		"no_connector", "too_many", "log_on", "tls_required", "submit_denied", "relay_denied", "sender_denied",
		"unknown_recipient", "bad_address", "unverified_domain", "too_large", "loop", "storage", "content", "other",
	}
}

// Reason finds the word for an answer of ours, by the command it answers and its
// codes.
func Reason(command string, code int, status string) string {
	switch {
	case command == "CONNECT" && code == 554, command == "PROXY":
		return "no_connector"
	case command == "CONNECT", code == 421, status == "4.5.3", status == "4.7.0":
		return "too_many"
	case command == "AUTH":
		return "log_on"
	}
	switch status {
	case "5.7.0", "5.7.10", "5.7.11":
		return "tls_required"
	case "5.7.54":
		return "relay_denied"
	case "5.7.1":
		if command == "MAIL" {
			return "sender_denied"
		}
		return "relay_denied"
	case "5.7.57":
		return "submit_denied"
	case "5.7.60", "5.1.8":
		return "sender_denied"
	case "5.1.1", "5.1.10", "5.4.1":
		return "unknown_recipient"
	case "5.1.3", "5.1.7", "5.6.7":
		return "bad_address"
	case "4.7.1":
		return "unverified_domain"
	case "5.3.4", "5.2.3":
		return "too_large"
	case "5.4.6":
		return "loop"
	case "4.3.0", "4.3.1":
		return "storage"
	}
	if command == "DATA" {
		return "content"
	}
	return "other"
}
