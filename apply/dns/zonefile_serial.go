package dns

import "time"

// raised is the serial that follows s (RFC 1982). One of the form YYYYMMDDnn stays
// of that form: it takes the day of now, unless it is as late already.
func raised(s uint32, now time.Time) uint32 {
	if day := dated(s); day {
		y, m, d := now.Date()
		if today := uint32(y*1000000 + int(m)*10000 + d*100); today > s {
			return today
		}
	}
	if s++; s == 0 { // servers treat 0 in ways of their own
		s = 1
	}
	return s
}

// dated reports whether a serial has the form YYYYMMDDnn.
func dated(s uint32) bool {
	year, month, day := s/1000000, s/10000%100, s/100%100
	return year >= 1980 && year < 2100 && month >= 1 && month <= 12 && day >= 1 && day <= 31
}
