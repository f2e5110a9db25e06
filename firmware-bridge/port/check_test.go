package port_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/firmware-bridge/port"
)

func TestValidate(t *testing.T) {
	for _, c := range []struct {
		cfg       port.Config
		err, hint string // "" for none; hint is a part
	}{
		{cfg: port.Config{Name: "/dev/serial/by-id/usb-x"}},
		{cfg: port.Config{Name: "unix:/run/sim.sock"}},
		{cfg: port.Config{Name: "tcp:127.0.0.1:7000"}},
		{cfg: port.Config{Name: "tcp:127.9.9.9:7000"}},
		{cfg: port.Config{Name: "tcp:[::1]:7000"}},
		{cfg: port.Config{Name: "tcp:localhost:7000"}},
		{cfg: port.Config{Name: "/dev/ttyS0", Line: port.Line{Baud: 19200, DataBits: 7, Parity: 'E', StopBits: 2}}},
		{port.Config{}, `port "": not an absolute path`, `"/dev/serial/by-id/usb-..."`},
		{port.Config{Name: "ttyUSB0"}, `port "ttyUSB0": not an absolute path`, `"/dev/serial/by-id/usb-..."`},
		{port.Config{Name: "COM3"}, `port "COM3": not an absolute path`, `a port is`},
		{port.Config{Name: "/dev/tty\x00"}, `port "/dev/tty\x00": the name holds a zero byte`, ``},
		{port.Config{Name: "unix:"}, `port "unix:": no path after unix:`, `"unix:PATH"`},
		{port.Config{Name: "tcp:7000"}, `port "tcp:7000": tcp: needs a host and a port number`, `"tcp:127.0.0.1:PORT"`},
		{port.Config{Name: "tcp:10.0.0.7:7000"}, `port "tcp:10.0.0.7:7000": "10.0.0.7" is not a loopback host`, `would cross the network unsealed`},
		{port.Config{Name: "tcp:bed12.example:7000"}, `port "tcp:bed12.example:7000": "bed12.example" is not a loopback host`, `unsealed`},
		{port.Config{Name: "tcp:0.0.0.0:7000"}, `port "tcp:0.0.0.0:7000": "0.0.0.0" is not a loopback host`, `unsealed`},
		{port.Config{Name: "tcp::7000"}, `port "tcp::7000": "" is not a loopback host`, `unsealed`},
		{port.Config{Name: "/x", Line: port.Line{Baud: 49}}, `port "/x": baud 49 is outside 50 to 4000000`, ``},
		{port.Config{Name: "/x", Line: port.Line{Baud: -1, DataBits: 9, Parity: 'M', StopBits: 3}}, `port "/x": baud -1 is outside 50 to 4000000
data bits 9 are outside 5 to 8
parity 'M' is none of 'N', 'E', 'O'
stop bits 3 are neither 1 nor 2`, ``},
		{port.Config{Name: "/x", Silence: -1}, `port "/x": silence -1ns is negative`, ``},
	} {
		err := c.cfg.Validate()
		if c.err == "" {
			if err != nil {
				t.Errorf("%q: %v", c.cfg.Name, err)
			}
			continue
		}
		checkError(t, c.cfg.Name, err, c.err, c.hint)
		if runErr := port.Run(t.Context(), c.cfg, newRecorder()); runErr == nil || runErr.Error() != c.err {
			t.Errorf("Run(%q): %v, want what Validate says", c.cfg.Name, runErr)
		}
	}
}

func checkError(t *testing.T, name string, err error, want, hint string) {
	t.Helper()
	var e *port.Error
	if !errors.As(err, &e) {
		t.Errorf("%q: %v, want an *Error", name, err)
		return
	}
	if e.Error() != want {
		t.Errorf("%q: error\n%s\nwant\n%s", name, e, want)
	}
	if !strings.Contains(e.Hint(), hint) {
		t.Errorf("%q: hint %q lacks %q", name, e.Hint(), hint)
	}
}

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "usb-gone")
	socket := "unix:" + filepath.Join(dir, "sim.sock")
	for _, c := range []struct{ name, err, hint string }{
		{gone, `port "` + gone + `": no such file or directory`, "is it plugged in?"},
		{file, `port "` + file + `": not a character device`, ""},
		{dir, `port "` + dir + `": not a character device`, ""},
		{"/dev/null", `port "/dev/null": not a serial port`, ""},
		{socket, `port "` + socket + `": connect: no such file or directory`, "is the simulator running?"},
	} {
		_, err := port.Check(port.Config{Name: c.name})
		checkError(t, c.name, err, c.err, c.hint)
	}

	c := newCable(t)
	if warnings, err := port.Check(port.Config{Name: c.slave.Name()}); err != nil || len(warnings) != 0 {
		t.Errorf("a good port: %v, %v", warnings, err)
	}
	l, err := net.Listen("unix", strings.TrimPrefix(socket, "unix:"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if warnings, err := port.Check(port.Config{Name: socket}); err != nil || len(warnings) != 0 {
		t.Errorf("a good simulator: %v, %v", warnings, err)
	}
}

func TestEveryLineSetting(t *testing.T) {
	c := newCable(t)
	for _, baud := range []int{50, 300, 9600, 115200, 4000000, 10400, 31250, 250000} { // the last three need BOTHER
		for _, parity := range []byte{'N', 'E', 'O'} {
			line := port.Line{Baud: baud, DataBits: 8, Parity: parity, StopBits: 2}
			if _, err := port.Check(port.Config{Name: c.slave.Name(), Line: line}); err != nil {
				t.Errorf("%v: %v", line, err)
			}
		}
	}
}

// A numbered name is warned about, whether or not the port is there.
func TestNumberedNames(t *testing.T) {
	for _, name := range []string{"/dev/ttyUSB97", "/dev/ttyACM97"} {
		warnings, _ := port.Check(port.Config{Name: name})
		want := `port "` + name + `" may be another adapter after the next start; use its name in /dev/serial/by-id`
		if len(warnings) != 1 || warnings[0] != want {
			t.Errorf("%s: warnings %q, want %q", name, warnings, want)
		}
	}
}

func TestWarningNamesTheStableName(t *testing.T) {
	c, other := newCable(t), newCable(t)
	dir := t.TempDir()
	link := filepath.Join(dir, "usb-FTDI_A1B2-if00-port0")
	plug(t, filepath.Join(dir, "usb-Another"), other)
	plug(t, link, c)
	want := `port "` + c.slave.Name() + `" may be another adapter after the next start; use "` + link + `"`
	if got := port.Renumbering(c.slave.Name(), filepath.Join(dir, "absent"), dir); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMissingNamesWhatIsThere(t *testing.T) {
	c, dir := newCable(t), t.TempDir()
	link := filepath.Join(dir, "usb-FTDI_A1B2-if00-port0")
	plug(t, link, c)
	if got, want := port.Missing(dir), "is it plugged in? there are: "+link; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLineString(t *testing.T) {
	for want, line := range map[string]port.Line{
		"9600 8N1":  {},
		"19200 7E2": {Baud: 19200, DataBits: 7, Parity: 'E', StopBits: 2},
		"4800 8O1":  {Baud: 4800, Parity: 'O'},
	} {
		if got := line.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzValidate(f *testing.F) {
	for _, s := range []string{"/dev/ttyUSB0", "unix:/x", "tcp:127.0.0.1:1", "tcp:[::1%lo]:1", "tcp::::", "", "tcp:[::ffff:10.0.0.1]:9"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		err := port.Config{Name: name}.Validate()
		if err != nil {
			if e := (*port.Error)(nil); !errors.As(err, &e) || e.Port != name {
				t.Fatalf("%q: %v is no *Error of that port", name, err)
			}
			return
		}
		address, ok := strings.CutPrefix(name, "tcp:")
		if !ok {
			return
		}
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			t.Fatalf("accepted %q: %v", name, err)
		}
		host, _, _ = strings.Cut(host, "%")
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			t.Fatalf("accepted %q, which is not loopback", name)
		}
	})
}

func TestPermissionHintNamesTheGroup(t *testing.T) {
	c := newCable(t)
	// Who owns a pseudo-terminal differs between machines; root's group is no way in.
	e := port.Explain(c.slave.Name(), &os.PathError{Op: "open", Path: c.slave.Name(), Err: os.ErrPermission})
	checkError(t, c.slave.Name(), e, `port "`+c.slave.Name()+`": permission denied`, `add the user that runs vitalseal to the group "`)
	if strings.Contains(e.Hint(), `"root"`) {
		t.Errorf("hint %q sends the user into root's group", e.Hint())
	}
}
