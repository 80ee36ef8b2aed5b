//go:build !unix

package main

import "net"

// dualStack is never asked: nobody passes sockets here.
func dualStack(*net.TCPListener) (bool, error) { return false, nil }
