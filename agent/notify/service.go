package notify

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Service is the manager that started the agent and watches over it. The zero value
// is: nobody watches.
type Service struct {
	// Socket is a path, or "@" and an abstract name. "": nobody is told.
	Socket string

	// Watchdog is after what time without progress the manager ends the agent; 0:
	// never.
	Watchdog time.Duration
}

// Systemd reads what systemd puts into the environment of the process pid.
func Systemd(getenv func(string) string, pid int) (Service, error) {
	s := Service{Socket: getenv("NOTIFY_SOCKET")}
	if s.Socket == "" {
		return Service{}, nil
	}
	if s.Socket[0] != '/' && s.Socket[0] != '@' {
		return Service{}, fmt.Errorf("NOTIFY_SOCKET %q is neither a path nor an abstract name", s.Socket)
	}
	of, text := getenv("WATCHDOG_PID"), getenv("WATCHDOG_USEC")
	if text == "" || of != "" && of != strconv.Itoa(pid) {
		return s, nil
	}
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil || us <= 0 || us > int64(24*time.Hour/time.Microsecond) {
		return Service{}, fmt.Errorf("WATCHDOG_USEC %q is not a number of microseconds up to a day", text)
	}
	s.Watchdog = time.Duration(us) * time.Microsecond
	return s, nil
}

// Tell sends fields such as "READY=1", one a line, none of which holds a line's end.
// It waits a second at most. Where there is no manager it does nothing.
func (s Service) Tell(fields ...string) error {
	if s.Socket == "" {
		return nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: s.Socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	defer conn.Close()
	if err := conn.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	if _, err := conn.Write([]byte(strings.Join(fields, "\n"))); err != nil {
		return fmt.Errorf("service manager: %w", err)
	}
	return nil
}
