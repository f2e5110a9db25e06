package agent

import (
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// Service is the manager that started the agent and watches over it, by the
// protocol of sd_notify(3). The protocol is one datagram of lines to a socket, so
// it is written here and brings no module. The zero value is: nobody watches.
type Service struct {
	// Socket is a path, or "@" and an abstract name. "": nobody is told.
	Socket string

	// Watchdog is after what time without progress the manager ends the agent; 0:
	// never.
	Watchdog time.Duration
}

// SystemdService reads what systemd puts into the environment of the process pid.
func SystemdService(getenv func(string) string, pid int) (Service, error) {
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

// tell sends fields such as "READY=1", one a line.
func (s Service) tell(fields ...string) error {
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

// maxSummary bounds the line that `systemctl status` shows.
const maxSummary = 200

// summary is that line: the worst problem, or what is going on.
func (s *Status) summary() string {
	text := fmt.Sprintf("%d of %d sensors are read, %d envelopes wait", s.open(), len(s.Sensors), s.Outbox.Waiting)
	if s.Broker.Connected {
		text += ", connected"
	}
	if len(s.Problems) > 0 && s.Problems[0].Severity == Broken {
		text = s.Problems[0].What + ": " + s.Problems[0].Why
		if n := len(s.Problems) - 1; n > 0 {
			text = cut(text, maxSummary-20) + fmt.Sprintf(" (and %d more)", n)
		}
	}
	return cut(oneLine(text), maxSummary)
}

// open is how many sensors' lines are open and heard.
func (s *Status) open() (n int) {
	for i := range s.Sensors {
		if s.Sensors[i].Line == LineOpen {
			n++
		}
	}
	return n
}

// oneLine keeps what came from elsewhere, such as an error, from being a field of
// its own or from steering a terminal.
func oneLine(text string) string {
	return strings.Map(func(r rune) rune {
		if r == '�' || !strconv.IsPrint(r) {
			return '?'
		}
		return r
	}, text)
}
