package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/mailrelay/mailrelay/apply/dns"
	"github.com/mailrelay/mailrelay/apply/relay/deliver"
	"github.com/mailrelay/mailrelay/schema"
)

// world is everything outside that the program touches. The sandbox has one of
// its own.
type world struct {
	dial      func(ctx context.Context, network, address string) (net.Conn, error)
	listen    func(ctx context.Context, network, address string) (net.Listener, error)
	resolver  deliver.Resolver
	resolvers []string // of DNS; nil: what the configuration says, else the system's
	roots     *x509.CertPool
	readFile  func(string) ([]byte, error)
	logDir    func(string) string // the directory that is meant by one of a log block; nil: itself
	// secret reads a secret at the moment of use. dir is where relative paths are.
	secret func(dir string) func(schema.Secret) ([]byte, error)
	// zoneFiles edits master files. dir is where relative paths are.
	zoneFiles func(dir string) dns.Writer
	clock     func() time.Time
	sleep     func(context.Context, time.Duration) error
}

func realWorld() world {
	return world{
		dial: deliver.Dial, // which heeds the source_address of a send connector
		listen: func(ctx context.Context, network, address string) (net.Listener, error) {
			return (&net.ListenConfig{}).Listen(ctx, network, address)
		},
		resolver:  net.DefaultResolver,
		readFile:  os.ReadFile,
		secret:    readSecret,
		zoneFiles: func(dir string) dns.Writer { return &dns.ZoneFile{Dir: dir} },
		clock:     time.Now,
		sleep:     sleep,
	}
}

func readSecret(dir string) func(schema.Secret) ([]byte, error) {
	return func(s schema.Secret) ([]byte, error) {
		if s.Env != "" {
			v, ok := os.LookupEnv(s.Env)
			if !ok || v == "" {
				return nil, fmt.Errorf("the environment variable %s, which holds a secret, is not set", s.Env)
			}
			return []byte(v), nil
		}
		path := s.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(dir, path)
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("reading a secret: %w", err)
		}
		return bytes.TrimRight(raw, "\r\n"), nil
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
