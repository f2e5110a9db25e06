package notify_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent/notify"
	"github.com/vitalseal/vitalseal/sdk/sdktest"
)

// listen is the service manager's end of the protocol: the socket that systemd has.
func listen(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// next returns the fields of the next datagram.
func next(t *testing.T, conn *net.UnixConn) []string {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(sdktest.Patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4096)
	n, err := conn.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(b[:n]), "\n")
}

func TestTell(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "notify"), fmt.Sprintf("@vitalseal-test-%d", os.Getpid())} {
		m := listen(t, name)
		if err := (notify.Service{Socket: name}).Tell("READY=1", "STATUS=well"); err != nil {
			t.Fatal(err)
		}
		if got := next(t, m); !slices.Equal(got, []string{"READY=1", "STATUS=well"}) {
			t.Errorf("%q: got %q", name, got)
		}
	}
	if err := (notify.Service{}).Tell("READY=1"); err != nil {
		t.Errorf("nobody watches: %v", err)
	}
	if err := (notify.Service{Socket: filepath.Join(t.TempDir(), "nobody")}).Tell("READY=1"); err == nil {
		t.Error("a manager that is not there was told")
	}
}

func TestSystemd(t *testing.T) {
	for _, c := range []struct {
		socket, usec, pid string
		want              notify.Service
		bad               bool
	}{
		{"", "", "", notify.Service{}, false},
		{"", "5", "", notify.Service{}, false},
		{"/run/n", "", "", notify.Service{Socket: "/run/n"}, false},
		{"@n", "30000000", "7", notify.Service{Socket: "@n", Watchdog: 30 * time.Second}, false},
		{"/run/n", "30000000", "", notify.Service{Socket: "/run/n", Watchdog: 30 * time.Second}, false},
		{"/run/n", "30000000", "8", notify.Service{Socket: "/run/n"}, false}, // another process is watched
		{"/run/n", "0", "", notify.Service{}, true},
		{"/run/n", "-1", "", notify.Service{}, true},
		{"/run/n", "1s", "", notify.Service{}, true},
		{"/run/n", "9223372036854775807", "", notify.Service{}, true},
		{"run/n", "", "", notify.Service{}, true},
		{"vsock:2:9", "", "", notify.Service{}, true},
	} {
		env := map[string]string{"NOTIFY_SOCKET": c.socket, "WATCHDOG_USEC": c.usec, "WATCHDOG_PID": c.pid}
		got, err := notify.Systemd(func(name string) string { return env[name] }, 7)
		if got != c.want || (err != nil) != c.bad {
			t.Errorf("%q: %+v, %v", env, got, err)
		}
	}
}
