package main

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/mailrelay/mailrelay/schema"
)

// duration is a flag that takes one, as the language writes it.
type duration struct{ into *time.Duration }

// Set implements flag.Value.
func (d duration) Set(text string) error {
	v, err := schema.ParseDuration(text)
	if err != nil || v < 0 {
		return errors.New("write a number with its unit, such as 90s, 15m, 48h or 7d")
	}
	*d.into = v
	return nil
}

// String implements flag.Value. Usage says what the default is.
func (d duration) String() string { return "" }

// Get implements flag.Getter.
func (d duration) Get() any { return d.into }

// number is a flag that takes a whole number.
type number[N int | uint64] struct {
	into    *N
	least   N
	example string // and what it is
}

// Set implements flag.Value.
func (n number[N]) Set(text string) error {
	v, err := strconv.ParseUint(text, 10, 31)
	if err != nil || N(v) < n.least {
		return fmt.Errorf("write a whole number from %d, such as %s", n.least, n.example)
	}
	*n.into = N(v)
	return nil
}

// String implements flag.Value. Usage says what the default is.
func (n number[N]) String() string { return "" }

// Get implements flag.Getter.
func (n number[N]) Get() any { return n.into }
