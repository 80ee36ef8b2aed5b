package relay

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// noise is what a client says that means no good: bytes, commands, and commands
// that are bent.
func noise(rng *rand.Rand) []byte {
	words := []string{
		"EHLO x\r\n", "HELO x\r\n", "MAIL FROM:<a@contoso.com>\r\n", "MAIL FROM:<> SIZE=99999999999 BODY=8BITMIME\r\n",
		"RCPT TO:<b@fabrikam.com>\r\n", "RCPT TO:<postmaster>\r\n", "DATA\r\n", ".\r\n", "\r\n.\r\n", "\n.\r\n", "\r\n.\n",
		"BDAT 5\r\nhello", "BDAT 5 LAST\r\nhello", "BDAT -1\r\n", "BDAT 99999\r\n", "BDAT 0\r\n", "BDAT 0 LAST\r\n", "RSET\r\n", "NOOP\r\n",
		"VRFY x\r\n", "HELP\r\n", "QUIT\r\n", "STARTTLS\r\n", "AUTH PLAIN AGEAYg==\r\n", "AUTH LOGIN\r\n", "*\r\n", "=\r\n",
		"Received: x\r\n", "Subject: x\r\n", " folded\r\n", ":\r\n", "\r", "\n", "\x00", "<", ">", "\"", "@", "\\", "\xff\xfe",
	}
	var b strings.Builder
	if rng.IntN(4) > 0 {
		b.WriteString(opening)
	}
	for range 1 + rng.IntN(30) {
		switch rng.IntN(8) {
		case 0:
			for range rng.IntN(300) {
				b.WriteByte(byte(rng.Uint32()))
			}
		case 1:
			b.WriteString(strings.Repeat(words[rng.IntN(len(words))], rng.IntN(200)))
		case 2:
			w := words[rng.IntN(len(words))]
			b.WriteString(w[:rng.IntN(len(w)+1)])
		default:
			b.WriteString(words[rng.IntN(len(words))])
		}
	}
	return []byte(b.String())
}

// TestNoise sends random bytes to the SMTP port. The relay must neither panic nor
// keep a goroutine. MAILRELAY_TEST_NOISE says for how long ("1m"); the default is
// short.
func TestNoise(t *testing.T) {
	long := 2 * time.Second
	if s := os.Getenv("MAILRELAY_TEST_NOISE"); s != "" {
		var err error
		if long, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorld(t, nil)
	w.runsFrom(block(connector("one", relaying, `auth_mechanisms = ["tls"]`, "max_message_size = 100000", "max_inbound_connections_per_source = 1000")))
	w.talk("10.1.2.3", hello).conn.Close()
	before := settled(20)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	end := time.Now().Add(long)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for time.Now().Before(end) {
				c := w.dial("0.0.0.0:25", "10.1.2.3")
				_ = c.SetDeadline(time.Now().Add(patience))
				if _, err := c.Write(noise(rng)); err == nil && rng.IntN(2) == 0 {
					_ = c.(*net.TCPConn).CloseWrite()
					if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
						t.Error("the relay does not end a session whose client has left")
					}
				}
				c.Close()
			}
		})
	}
	wg.Wait()
	w.talk("10.1.2.3", message+`
		-> Subject: still here
		-> .
		<~ 250`).conn.Close()
	if s := w.log.String(); strings.Contains(s, "panic") {
		t.Errorf("the relay panicked:\n%s", s[max(0, strings.Index(s, "panic")-200):])
	}
	if after := settled(before + 10); after > before+10 { // deliveries keep a few connections
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines before, %d after:\n%s", before, after, buf[:runtime.Stack(buf, true)])
	}
}

// settled is the number of goroutines when it is no larger than want, or has not
// fallen for longer than delivery keeps an idle connection.
func settled(want int) int {
	n := runtime.NumGoroutine()
	for quiet := 0; n > want && quiet < 160; quiet++ {
		time.Sleep(50 * time.Millisecond)
		if now := runtime.NumGoroutine(); now < n {
			quiet = 0
			n = now
		}
	}
	return n
}
