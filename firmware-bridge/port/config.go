package port

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"
)

// Line is the rate and the character frame of a serial line. The zero value is
// 9600 8N1.
type Line struct {
	Baud     int  // bits a second, 50 to 4,000,000; 0 means 9600
	DataBits int  // 5 to 8; 0 means 8
	Parity   byte // 'N' none, 'E' even or 'O' odd; 0 means 'N'
	StopBits int  // 1 or 2; 0 means 1
}

// String gives the usual short form, "9600 8N1".
func (l Line) String() string {
	l = l.withDefaults()
	return fmt.Sprintf("%d %d%c%d", l.Baud, l.DataBits, l.Parity, l.StopBits)
}

func (l Line) withDefaults() Line {
	if l.Baud == 0 {
		l.Baud = 9600
	}
	if l.DataBits == 0 {
		l.DataBits = 8
	}
	if l.Parity == 0 {
		l.Parity = 'N'
	}
	if l.StopBits == 0 {
		l.StopBits = 1
	}
	return l
}

// Validate reports every field out of range, joined.
func (l Line) Validate() error {
	l = l.withDefaults()
	var errs []error
	if l.Baud < 50 || l.Baud > 4_000_000 {
		errs = append(errs, fmt.Errorf("baud %d is outside 50 to 4000000", l.Baud))
	}
	if l.DataBits < 5 || l.DataBits > 8 {
		errs = append(errs, fmt.Errorf("data bits %d are outside 5 to 8", l.DataBits))
	}
	if l.Parity != 'N' && l.Parity != 'E' && l.Parity != 'O' {
		errs = append(errs, fmt.Errorf("parity %q is none of 'N', 'E', 'O'", l.Parity))
	}
	if l.StopBits != 1 && l.StopBits != 2 {
		errs = append(errs, fmt.Errorf("stop bits %d are neither 1 nor 2", l.StopBits))
	}
	return errors.Join(errs...)
}

// Config says which port to keep open, and how. Only Name is required.
type Config struct {
	// Name is an absolute path ("/dev/serial/by-id/..."), "unix:PATH" or
	// "tcp:HOST:PORT" with a loopback host.
	Name string

	// Line is ignored by unix: and tcp:.
	Line Line

	// Silence is how long an open line may say nothing before the event Silent;
	// 0 means for ever.
	Silence time.Duration

	// RetryMin is the pause before the first attempt to reopen, RetryMax the
	// longest: the pause doubles in between and starts over when a byte arrives.
	// 0 means 100 ms and 1 s.
	RetryMin, RetryMax time.Duration

	// WriteTimeout bounds one Write to a device; 0 means 1 s.
	WriteTimeout time.Duration

	// Now gives the times of data and events; nil means time.Now.
	Now func() time.Time

	machine machine // zero: this one; tests bring their own
	polled  bool    // do without the kernel's events; for tests
}

func (c Config) withDefaults() Config {
	c.Line = c.Line.withDefaults()
	if c.RetryMin <= 0 {
		c.RetryMin = 100 * time.Millisecond
	}
	if c.RetryMax <= 0 {
		c.RetryMax = time.Second
	}
	c.RetryMax = max(c.RetryMax, c.RetryMin)
	if c.WriteTimeout <= 0 {
		c.WriteTimeout = time.Second
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.machine == (machine{}) {
		c.machine = thisMachine
	}
	return c
}

// Validate reports what can never work, whatever is plugged in: a malformed
// name, a tcp host that is not loopback, a line out of range. The error is an
// *Error.
func (c Config) Validate() error {
	if _, err := parseName(c.Name); err != nil {
		return err
	}
	if err := c.Line.Validate(); err != nil {
		return &Error{Port: c.Name, Err: err}
	}
	if c.Silence < 0 {
		return &Error{Port: c.Name, Err: fmt.Errorf("silence %v is negative", c.Silence)}
	}
	return nil
}

// source is a parsed name: a network and an address for net.Dial, or the network
// "tty" and a path.
type source struct {
	network, address string
}

func parseName(name string) (source, error) {
	refuse := func(hint, format string, args ...any) (source, error) {
		return source{}, &Error{Port: name, Err: fmt.Errorf(format, args...), hint: hint}
	}
	const names = `a port is a path such as "/dev/serial/by-id/usb-...", or "unix:PATH" or "tcp:127.0.0.1:PORT" for a simulator`
	if strings.ContainsRune(name, 0) {
		return refuse(names, "the name holds a zero byte")
	}
	if path, ok := strings.CutPrefix(name, "unix:"); ok {
		if path == "" {
			return refuse(names, "no path after unix:")
		}
		return source{"unix", path}, nil
	}
	if address, ok := strings.CutPrefix(name, "tcp:"); ok {
		host, number, err := net.SplitHostPort(address)
		if err != nil || number == "" {
			return refuse(names, "tcp: needs a host and a port number")
		}
		if !loopback(host) {
			return refuse("readings would cross the network unsealed: run vitalseal on the machine the sensor is attached to",
				"%q is not a loopback host", host)
		}
		return source{"tcp", address}, nil
	}
	if !strings.HasPrefix(name, "/") {
		return refuse(names, "not an absolute path")
	}
	return source{"tty", name}, nil
}

// loopback refuses every name but localhost, because what another name means
// is for the resolver to say, and may change.
func loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
