//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/vitalseal/vitalseal/scripts/bedside/inside"
)

// connect gives a network interface an address ("10.0.2.15/24") and the way to
// everything else, through router.
func connect(name, address, router string) error {
	prefix, err := netip.ParsePrefix(address)
	if err != nil {
		return err
	}
	via, err := netip.ParseAddr(router)
	if err != nil {
		return err
	}
	if err := inside.Appears("/sys/class/net/" + name); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	mask := ^uint32(0) << (32 - prefix.Bits())
	if err := setAddress(fd, name, unix.SIOCSIFADDR, prefix.Addr().As4()); err != nil {
		return err
	}
	if err := setAddress(fd, name, unix.SIOCSIFNETMASK, [4]byte{byte(mask >> 24), byte(mask >> 16), byte(mask >> 8), byte(mask)}); err != nil {
		return err
	}
	for _, each := range []string{"lo", name} {
		if err := raise(fd, each); err != nil {
			return err
		}
	}
	return routeAll(fd, via.As4())
}

func setAddress(fd int, name string, request uint, address [4]byte) error {
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		err = ifr.SetInet4Addr(address[:])
	}
	if err == nil {
		err = unix.IoctlIfreq(fd, request, ifr)
	}
	if err != nil {
		return fmt.Errorf("address of %s: %w", name, err)
	}
	return nil
}

// raise takes an interface into use.
func raise(fd int, name string) error {
	ifr, err := unix.NewIfreq(name)
	if err == nil {
		ifr.SetUint16(unix.IFF_UP)
		err = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, ifr)
	}
	if err != nil {
		return fmt.Errorf("raise %s: %w", name, err)
	}
	return nil
}

// route is struct rtentry of linux/route.h.
type route struct {
	_           uintptr
	destination unix.RawSockaddrInet4
	gateway     unix.RawSockaddrInet4
	mask        unix.RawSockaddrInet4
	flags       uint16
	_           int16
	_           uintptr
	_           uintptr
	_           int16
	_           uintptr // device
	_           uintptr
	_           uintptr
	_           uint16
}

// routeAll makes router the way to what is on no network of our own.
func routeAll(fd int, router [4]byte) error {
	inet := unix.RawSockaddrInet4{Family: unix.AF_INET}
	r := route{destination: inet, gateway: inet, mask: inet, flags: unix.RTF_UP | unix.RTF_GATEWAY}
	r.gateway.Addr = router
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), unix.SIOCADDRT, uintptr(unsafe.Pointer(&r)))
	runtime.KeepAlive(&r)
	if errno != 0 {
		return fmt.Errorf("route through %v: %w", router, errno)
	}
	return nil
}
