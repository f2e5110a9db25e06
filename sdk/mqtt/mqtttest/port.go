package mqtttest

import (
	"errors"
	"strconv"
	"syscall"
	"testing"
)

// FreePort returns a port of loopback that is held for whoever is to listen on it
// until the test ends: nobody else is given it, also while a broker that is killed
// and started again is away. Nobody listens on it yet.
func FreePort(t testing.TB) string {
	t.Helper()
	port, release, err := HoldPort()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(release)
	return port
}

// HoldPort is FreePort for those who have no testing.TB; release lets the port go.
func HoldPort() (port string, release func(), err error) {
	for {
		four, n, err := bind(&syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
		if err != nil {
			return "", nil, err
		}
		six, _, err := bind(&syscall.SockaddrInet6{Port: n, Addr: [16]byte{15: 1}}) // "localhost" is both
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			syscall.Close(four)
			continue
		case err != nil: // there is no IPv6 here
			return strconv.Itoa(n), func() { syscall.Close(four) }, nil
		}
		return strconv.Itoa(n), func() { syscall.Close(four); syscall.Close(six) }, nil
	}
}

// bind binds a socket that never listens. The kernel gives its port to nobody who
// asks for any port, and lets one listen on it who asks for this one and says
// SO_REUSEADDR, as brokers and package net do.
func bind(address syscall.Sockaddr) (fd, port int, err error) {
	family := syscall.AF_INET
	if _, ok := address.(*syscall.SockaddrInet6); ok {
		family = syscall.AF_INET6
	}
	if fd, err = syscall.Socket(family, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0); err != nil {
		return 0, 0, err
	}
	if err = syscall.SetsockoptInt(fd, syscall.SOL_SOCKET, syscall.SO_REUSEADDR, 1); err == nil {
		err = syscall.Bind(fd, address)
	}
	if err == nil {
		address, err = syscall.Getsockname(fd)
	}
	if err != nil {
		syscall.Close(fd)
		return 0, 0, err
	}
	switch a := address.(type) {
	case *syscall.SockaddrInet4:
		port = a.Port
	case *syscall.SockaddrInet6:
		port = a.Port
	}
	return fd, port, nil
}
