package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/vitalseal/vitalseal/agent/config"
	"github.com/vitalseal/vitalseal/firmware-bridge/port"
	"github.com/vitalseal/vitalseal/firmware-bridge/sensor/lines"
)

func drivers() []string {
	return []string{"lines", "masimo-ascii1", "nonin-df2", "nonin-df7", "nonin-df8"}
}

// least is the shortest configuration that loads; its lines are counted on.
const least = `site = "site"
[gateway]
name = "bed12"
[broker]
url = "mqtts://broker.example"
[[sensor]]
device = "oximeter-3"
driver = "nonin-df2"
port = "/dev/serial/by-id/usb-x"
`

func TestDefaults(t *testing.T) {
	got, err := config.Parse("/etc/vitalseal/vitalseal.toml", []byte(least), drivers())
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Config{
		Site:    "/etc/vitalseal/site",
		Data:    "/etc/vitalseal/data",
		Gateway: config.Gateway{Name: "bed12"},
		Broker:  config.Broker{URL: "mqtts://broker.example:8883", Window: 64},
		Batch:   config.Batch{Every: time.Second, Heartbeat: 30 * time.Second},
		Outbox:  config.Outbox{MaxSize: 256 << 20, BacklogRate: 200},
		Sensors: []config.Sensor{{
			Device: "oximeter-3", Driver: "nonin-df2",
			Port: port.Config{Name: "/dev/serial/by-id/usb-x", Silence: config.DriverSilence},
		}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestExampleLoads(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vitalseal.toml")
	if err := os.WriteFile(file, []byte(config.Example()), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := config.Load(file, append(drivers(), "medibus"))
	if err != nil {
		t.Fatal(err)
	}
	want := []config.Sensor{{
		Device: "oximeter-3", Driver: "nonin-df2", Label: "bed 12", SetUp: true,
		Port: port.Config{Name: "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10K4Z2X-if00-port0", Silence: 5 * time.Second},
	}, {
		Device: "esp32-1", Driver: "lines",
		Port: port.Config{Name: "/dev/serial/by-path/pci-0000:00:14.0-usb-0:2:1.0-port0",
			Line: port.Line{Baud: 115200, DataBits: 8, Parity: 'N', StopBits: 1}, Silence: config.DriverSilence},
		Lines: &lines.Config{Fields: []lines.Field{
			{Name: "hr", Code: "MDC_ECG_HEART_RATE", Unit: "/min"},
			{Name: "temp", Code: "MDC_TEMP_BODY", Unit: "Cel", Exponent: -1},
		}},
	}, {
		Device: "ventilator-2", Driver: "medibus", Waves: []string{"paw", "flow"}, Interval: 2 * time.Second,
		Port: port.Config{Name: "/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10K4Z3Y-if00-port0",
			Line: port.Line{Parity: 'E'}, Silence: config.DriverSilence},
	}, {
		Device: "monitor-4", Driver: config.LinkDriver, Mode: config.Sealed,
		Port: port.Config{Name: "/dev/serial/by-id/usb-Raspberry_Pi_Pico_E6614103E7-if00", Silence: config.DriverSilence},
	}}
	if !reflect.DeepEqual(got.Sensors, want) {
		t.Errorf("got  %+v\nwant %+v", got.Sensors, want)
	}
	if got.Site != "/etc/vitalseal" || got.Data != "/var/lib/vitalseal" {
		t.Errorf("site %q, data %q", got.Site, got.Data)
	}
}

// The example says of itself that it shows every key: with the commented ones
// uncommented, no field of Config and of what is in it is left zero.
func TestExampleShowsEveryKey(t *testing.T) {
	text := config.Example()
	for _, key := range []string{"ca", "certificate", "key", "separator", "skip_first", "missing", "comment", "weight", "receipts"} {
		if !strings.Contains(text, "\n# "+key+" = ") {
			t.Fatalf("no commented %q in the example", key)
		}
		text = strings.Replace(text, "\n# "+key+" = ", "\n"+key+" = ", 1)
	}
	// All fields have a column, or none.
	text = strings.Replace(text, `unit = "/min" }`, `unit = "/min", column = 2 }`, 1)
	text = strings.Replace(text, `exponent = -1 }`, `exponent = -1, column = 3 }`, 1)
	text = strings.Replace(text, "header = false", "header = true", 1)
	cfg, err := config.Parse("/etc/vitalseal.toml", []byte(text), append(drivers(), "medibus"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	visit(seen, "Config", reflect.ValueOf(*cfg))
	for _, foreign := range []string{"Config.Sensors.Port.RetryMin", "Config.Sensors.Port.RetryMax",
		"Config.Sensors.Port.WriteTimeout", "Config.Sensors.Port.Now"} {
		delete(seen, foreign) // not for a person to set
	}
	for field, set := range seen {
		if !set {
			t.Errorf("%s is not set by any key of the example", field)
		}
	}
}

// visit notes each leaf field and whether it is set anywhere.
func visit(seen map[string]bool, name string, v reflect.Value) {
	switch {
	case v.Kind() == reflect.Pointer && !v.IsNil():
		visit(seen, name, v.Elem())
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			visit(seen, name+"."+v.Type().Field(i).Name, v.Field(i))
		}
	case v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct:
		for i := range v.Len() {
			visit(seen, name, v.Index(i))
		}
	case v.Kind() != reflect.Pointer:
		seen[name] = seen[name] || !v.IsZero()
	}
}

// Inline tables, dotted keys and arrays of inline tables are TOML too.
func TestOtherSpellings(t *testing.T) {
	const text = "\xef\xbb\xbf" + `site = "/s"
gateway = { name = "g" }
broker.url = "mqtts://[::1]:1883/"
broker.window = 1
batch.every = 0
outbox = { max_size = 1048576, backlog_rate = 0 }
sensor = [
  { device = "a", driver = "lines", port = "unix:sim/a.sock", silence = "0s", lines = { separator = ";", header = true, fields.hr.code = 147842 } },
  { device = "b", driver = "nonin-df7", port = "tcp:localhost:7000", parity = "odd" },
]
`
	cfg, err := config.Parse("/etc/v.toml", []byte(strings.ReplaceAll(text, "\n", "\r\n")), drivers())
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Broker.URL != "mqtts://[::1]:1883" || cfg.Broker.Window != 1 || cfg.Batch.Every != 0 || cfg.Outbox.MaxSize != 1<<20 || cfg.Outbox.BacklogRate != 0 {
		t.Errorf("%+v", cfg)
	}
	a, b := cfg.Sensors[0], cfg.Sensors[1]
	if a.Port.Name != "unix:/etc/sim/a.sock" || a.Port.Silence != 0 || a.Lines.Separator != ";" || !a.Lines.Header || len(a.Lines.Fields) != 1 || a.Lines.Fields[0] != (lines.Field{Name: "hr", Code: "147842"}) {
		t.Errorf("first sensor %+v", a)
	}
	if b.Port.Name != "tcp:localhost:7000" || b.Port.Line.Parity != 'O' || b.Lines != nil {
		t.Errorf("second sensor %+v", b)
	}
}

func TestSizes(t *testing.T) {
	for text, want := range map[string]int64{
		`"1MiB"`: 1 << 20, `"1 MiB"`: 1 << 20, `"2GB"`: 2e9, `"3GiB"`: 3 << 30, `"1024KiB"`: 1 << 20,
		`"1048577B"`: 1<<20 + 1, `"1048578"`: 1<<20 + 2, `1048579`: 1<<20 + 3, `"1PiB"`: 1 << 50, `"4000kB"`: 4e6,
	} {
		cfg, err := config.Parse("x", []byte(least+"[outbox]\nmax_size = "+text), drivers())
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if cfg.Outbox.MaxSize != want {
			t.Errorf("%s: got %d, want %d", text, cfg.Outbox.MaxSize, want)
		}
	}
}

func TestUnreadableFile(t *testing.T) {
	_, err := config.Load(filepath.Join(t.TempDir(), "none.toml"), nil)
	if !errors.Is(err, os.ErrNotExist) || !strings.HasPrefix(err.Error(), "cannot read the configuration: open ") {
		t.Errorf("%v", err)
	}
	if _, err := config.Load(t.TempDir(), nil); err == nil {
		t.Error("a directory loads")
	}
	big := filepath.Join(t.TempDir(), "big.toml")
	if err := os.WriteFile(big, make([]byte, 256<<10+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Load(big, nil); err == nil || err.Error() != big+":1:1: larger than 256KiB" {
		t.Errorf("%v", err)
	}
}

// Nothing within the file reaches for the environment.
func TestEnvironmentIsNotRead(t *testing.T) {
	t.Setenv("SITE", "/elsewhere")
	cfg, err := config.Parse("/etc/v.toml", []byte(strings.Replace(least, `"site"`, `"my$SITE"`, 1)), drivers())
	if err != nil || cfg.Site != "/etc/my$SITE" {
		t.Errorf("site %v, %v", cfg, err)
	}
}
