//go:build unix

package main

import (
	"net"
	"syscall"
)

// dualStack reports whether a socket of IPv6 takes connections over IPv4 too.
func dualStack(l *net.TCPListener) (bool, error) {
	if a, ok := l.Addr().(*net.TCPAddr); !ok || a.IP.To4() != nil {
		return false, nil
	}
	raw, err := l.SyscallConn()
	if err != nil {
		return false, err
	}
	only := 0
	control := raw.Control(func(fd uintptr) {
		only, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_V6ONLY)
	})
	if control != nil {
		return false, control
	}
	return only == 0, err
}
