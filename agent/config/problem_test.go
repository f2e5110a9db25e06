package config_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/vitalseal/vitalseal/agent/config"
)

// Each row replaces a line of least, or adds lines at its end, and expects these
// messages, all of them, in the order of the file.
func TestMessages(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		// keys
		{`driver = "nonin-df2"`, `drivr = "nonin-df2"`, `
v.toml:6:3: missing "driver" in [[sensor]]; known are "lines", "masimo-ascii1", "nonin-df2", "nonin-df7", "nonin-df8", "link"
v.toml:8:1: unknown key "drivr" in [[sensor]]; did you mean "driver"?`},
		{`name = "bed12"`, "name = \"bed12\"\ndata = \"/d\"", `
v.toml:4:1: unknown key "data" in [gateway]; it belongs at the top, above the first table`},
		{`[broker]`, "window = 9\n[broker]", `
v.toml:4:1: unknown key "window" in [gateway]; it belongs in [broker]`},
		{`[broker]`, "colour = 9\n[broker]", `
v.toml:4:1: unknown key "colour" in [gateway]; known are "name"`},
		{"", "[botch]\nevery = 1\n", `
v.toml:10:2: unknown key "botch"; did you mean "batch"?`},
		{"", "[batch]\n  evrey = \"1s\"\n", `
v.toml:11:3: unknown key "evrey" in [batch]; did you mean "every"?`},
		{"", `Baud = 9600`, `
v.toml:10:1: unknown key "Baud" in [[sensor]]; did you mean "baud"?`},

		// the metrics' address
		{"", "[status]\nlisten = \"0.0.0.0:9273\"\n", `
v.toml:11:10: address "0.0.0.0:9273" for "listen" in [status] is not loopback; write "127.0.0.1:9273"; whoever asks from elsewhere comes through a proxy that knows them`},
		{"", "[status]\nlisten = \"192.0.2.1:9273\"\n", `
v.toml:11:10: address "192.0.2.1:9273" for "listen" in [status] is not loopback; write "127.0.0.1:9273"; whoever asks from elsewhere comes through a proxy that knows them`},
		{"", "[status]\nlisten = \"[::ffff:192.0.2.1]:9273\"\n", `
v.toml:11:10: address "[::ffff:192.0.2.1]:9273" for "listen" in [status] is not loopback; write "127.0.0.1:9273"; whoever asks from elsewhere comes through a proxy that knows them`},
		{"", "[status]\nlisten = \"localhost:9273\"\n", `
v.toml:11:10: bad address "localhost:9273" for "listen" in [status]; write "127.0.0.1:9273"`},
		{"", "[status]\nlisten = \":9273\"\n", `
v.toml:11:10: bad address ":9273" for "listen" in [status]; write "127.0.0.1:9273"`},
		{"", "[status]\nlisten = \"127.0.0.1:0\"\n", `
v.toml:11:10: port 0 for "listen" in [status]; write "127.0.0.1:9273"`},
		{"", "[status]\nport = 9273\n", `
v.toml:11:1: unknown key "port" in [status]; it belongs in [[sensor]]`},

		// syntax: the first error only
		{`url = "mqtts://broker.example"`, `url = mqtts://broker.example`, `
v.toml:5:7: unexpected character U+006D 'm' at start of value`},
		{"", `driver = "lines"`, `
v.toml:10:1: key driver is already defined`},
		{"[broker]", "[gateway]", `
v.toml:4:2: table gateway already exists`},

		// types
		{`site = "site"`, `site = 5`, `
v.toml:1:8: "site" must be a string, not an integer; write "5"`},
		{`site = "site"`, `site = ["site"]`, `
v.toml:1:1: "site" must be a string, not an array`},
		{`name = "bed12"`, `name = true`, `
v.toml:3:8: "name" in [gateway] must be a string, not a boolean`},
		{"[gateway]\nname = \"bed12\"", `gateway = "bed12"`, `
v.toml:2:11: "gateway" must be a table, not a string; write [gateway] above its keys`},
		{"[[sensor]]", "[sensor]", `
v.toml:6:2: "sensor" must be an array of tables, not a table; write [[sensor]] above the keys of each`},
		{"", `baud = "9600"`, `
v.toml:10:8: "baud" in [[sensor]] must be an integer, not a string`},
		{"", `silence = 1.5`, `
v.toml:10:11: "silence" in [[sensor]] must be a duration, not a float; write a number and a unit, such as "1s" or "500ms"`},
		{"", "[outbox]\nmax_size = 2026-11-22", `
v.toml:11:12: "max_size" in [outbox] must be a size, not a date or time; write a number and a unit, such as "256MiB" or "2GB"`},

		// required
		{`site = "site"`, ``, `
v.toml:1:1: missing "site"; the directory that ` + "`vitalseal site`" + ` made`},
		{`site = "site"`, `site = ""`, `
v.toml:1:8: "site" is empty; the directory that ` + "`vitalseal site`" + ` made`},
		{`name = "bed12"`, ``, `
v.toml:2:2: missing "name" in [gateway]; the name in the gateway's certificate`},
		{`url = "mqtts://broker.example"`, ``, `
v.toml:4:2: missing "url" in [broker]; such as "mqtts://broker.example:8883"`},

		// values
		{`name = "bed12"`, `name = "bed/12"`, `
v.toml:3:8: name "bed/12" is not 1 to 64 of a-z, 0-9 and '-' for "name" in [gateway]; choose a name such as bed-12`},
		{`device = "oximeter-3"`, `device = "+"`, `
v.toml:7:10: name "+" is not 1 to 64 of a-z, 0-9 and '-' for "device" in [[sensor]]; choose a name such as bed-12`},
		{`site = "site"`, `site = "~/site"`, `
v.toml:1:8: path "~/site" for "site"; write the path out: ~ and variables are not expanded`},
		{`site = "site"`, `site = "$HOME/site"`, `
v.toml:1:8: path "$HOME/site" for "site"; write the path out: ~ and variables are not expanded`},
		{`driver = "nonin-df2"`, `driver = "nonin-df3"`, `
v.toml:8:10: unknown driver "nonin-df3"; did you mean "nonin-df2"?`},
		{`driver = "nonin-df2"`, `driver = "philips"`, `
v.toml:8:10: unknown driver "philips"; known are "lines", "masimo-ascii1", "nonin-df2", "nonin-df7", "nonin-df8", "link"`},
		{`port = "/dev/serial/by-id/usb-x"`, `port = "COM3"`, `
v.toml:9:8: port "COM3": not an absolute path; a port is a path such as "/dev/serial/by-id/usb-...", or "unix:PATH" or "tcp:127.0.0.1:PORT" for a simulator`},
		{`port = "/dev/serial/by-id/usb-x"`, `port = "tcp:10.1.1.1:7"`, `
v.toml:9:8: port "tcp:10.1.1.1:7": "10.1.1.1" is not a loopback host; readings would cross the network unsealed: run vitalseal on the machine the sensor is attached to`},
		{"", "baud = 49\ndata_bits = 4\nstop_bits = 3\nparity = \"evne\"\n", `
v.toml:10:8: "baud" in [[sensor]] is 49, outside 50 to 4000000
v.toml:11:13: "data_bits" in [[sensor]] is 4, outside 5 to 8
v.toml:12:13: "stop_bits" in [[sensor]] is 3, outside 1 to 2
v.toml:13:10: unknown parity "evne" in [[sensor]]; did you mean "even"?`},
		{"", `silence = "5"`, `
v.toml:10:11: bad duration "5" for "silence" in [[sensor]]; write a number and a unit, such as "1s" or "500ms"`},
		{"", `silence = 5`, `
v.toml:10:11: duration 5 for "silence" in [[sensor]] has no unit; write a number and a unit, such as "1s" or "500ms"`},
		{"", `silence = "-5s"`, `
v.toml:10:11: "silence" in [[sensor]] is -5s, outside 0s to 1h`},
		{"", "[batch]\nevery = \"2m\"\nheartbeat = \"500ms\"", `
v.toml:11:9: "every" in [batch] is 2m, outside 0s to 1m
v.toml:12:13: "heartbeat" in [batch] is 500ms, outside 1s to 1h`},
		{"", "[outbox]\nmax_size = \"12 potatoes\"", `
v.toml:11:12: bad size "12 potatoes" for "max_size" in [outbox]; write a number and a unit, such as "256MiB" or "2GB"`},
		{"", "[outbox]\nmax_size = \"99999999999GiB\"", `
v.toml:11:12: bad size "99999999999GiB" for "max_size" in [outbox]; write a number and a unit, such as "256MiB" or "2GB"`},
		{"", "[outbox]\nmax_size = \"1KiB\"", `
v.toml:11:12: "max_size" in [outbox] is 1KiB, outside 1MiB to 1PiB`},
		{"", "[outbox]\nbacklog_rate = -1", `
v.toml:11:16: "backlog_rate" in [outbox] is -1, outside 0 to 1000000`},
		{"", "[outbox]\nbacklog_rate = \"200/s\"", `
v.toml:11:16: "backlog_rate" in [outbox] must be an integer, not a string`},
		{`url = "mqtts://broker.example"`, "url = \"mqtts://broker.example\"\nwindow = 2000", `
v.toml:6:10: "window" in [broker] is 2000, outside 1 to 1024`},
		{"", `label = "` + strings.Repeat("x", 81) + `"`, `
v.toml:10:9: label of 81 bytes is longer than 80`},
		{"", `label = "a\u0007"`, `
v.toml:10:9: label holds control characters`},

		// the broker
		{`"mqtts://broker.example"`, `"mqtt://broker.example"`, `
v.toml:5:7: broker scheme "mqtt" is plaintext; readings are sealed, but who talks to whom and when is not: write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"tcp://broker.example:1883"`, `
v.toml:5:7: broker scheme "tcp" is plaintext; readings are sealed, but who talks to whom and when is not: write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"ssl://broker.example"`, `
v.toml:5:7: unknown broker scheme "ssl"; write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"broker.example"`, `
v.toml:5:7: unknown broker scheme ""; write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"mqtts://broker.example/ward?x=1"`, `
v.toml:5:7: broker URL has more than a host and a port; write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"mqtts://"`, `
v.toml:5:7: broker URL has no host; write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"mqtts://broker.example:70000"`, `
v.toml:5:7: broker port "70000" is outside 1 to 65535; write "mqtts://HOST:8883"`},
		{`"mqtts://broker.example"`, `"mqtts://broker.example:x"`, `
v.toml:5:7: bad broker URL; write "mqtts://HOST:8883"`},

		{`"mqtts://broker.example"`, "\"mqtts://broker.example\"\ncertificate = \"c.pem\"\nkey = \"c.key\"", `
v.toml:4:2: missing "ca" in [broker]; give all of ca, certificate, key, or none for the files in the site directory`},

		// two sensors
		{"", "[[sensor]]\ndevice = \"oximeter-3\"\ndriver = \"nonin-df7\"\nport = \"/dev/serial//by-id/usb-x\"\n", `
v.toml:11:10: device "oximeter-3" is already the one of the sensor in line 6
v.toml:13:8: port "/dev/serial/by-id/usb-x" is already the one of the sensor in line 6`},

		// the link
		{"", "mode = \"plain\"", `
v.toml:10:1: "mode" in [[sensor]] is for the driver "link", not for "nonin-df2"`},
		{`driver = "nonin-df2"`, "driver = \"link\"\nmode = \"plane\"", `
v.toml:9:8: unknown mode "plane" in [[sensor]]; known are "sealed", "plain"`},
		{`driver = "nonin-df2"`, "driver = \"link\"\nlabel = \"bed 7\"", `
v.toml:9:9: a label cannot be put on what the device sealed itself; the sensor seals, and its labels with it; mode = "plain" has the gateway seal`},
		{`"oximeter-3"`, `"bed12"`, `
v.toml:7:10: device "bed12" is the gateway itself; name the device on this port`},

		// lines
		{"", "[sensor.lines]\nheader = true\n", `
v.toml:10:9: [sensor.lines] is for the driver "lines", not for "nonin-df2"`},
		{`driver = "nonin-df2"`, "lines = { header = 1, separator = \"\", fields = { hr = { unit = \"min\" } }, missing = [\"-\", 3] }\ndriver = \"line\"", `
v.toml:8:20: "header" in [sensor.lines] must be true or false, not an integer
v.toml:8:35: separator "" is not one character; such as "," or "\t"
v.toml:8:50: missing "code" in the field "hr"; such as code = "MDC_ECG_HEART_RATE"
v.toml:8:64: unknown unit "min"; did you mean "/min"?
v.toml:8:91: "missing" in [sensor.lines] must hold strings, not an integer
v.toml:9:10: unknown driver "line"; did you mean "lines"?`},
		{`driver = "nonin-df2"`, "driver = \"lines\"\nlines.missing = \"-\"\nlines.fields.hr.code = \"MDC_ECG_HAERT_RATE\"\nlines.fields.t = \"MDC_TEMP\"\nlines.fields.u = {cod = 1, code = true, column = 0}", `
v.toml:9:17: "missing" in [sensor.lines] must be an array of strings, not a string
v.toml:10:24: unknown code "MDC_ECG_HAERT_RATE"; did you mean "MDC_ECG_HEART_RATE"?
v.toml:11:18: "t" in [sensor.lines.fields] must be a table, not a string; write t = { code = "MDC_ECG_HEART_RATE", unit = "/min" }
v.toml:12:19: unknown key "cod" in the field "u"; did you mean "code"?
v.toml:12:35: "code" in the field "u" must be a reference id or a number, not a boolean
v.toml:12:50: "column" in the field "u" is 0, outside 1 to 256`},
		{`driver = "nonin-df2"`, "driver = \"lines\"\nlines.fields.a.code = \"hr\"\nlines.fields.b.code = 0", `
v.toml:9:23: unknown code "hr"; codes that are not in the table can be given as numbers, such as code = 147842
v.toml:10:23: code 0 is outside 1 to 4294967295`},
		{`driver = "nonin-df2"`, "driver = \"lines\"\nlines.fields.b = {code = 147842, column = 1}\nlines.fields.a = {code = \"147842\", column = 1}", `
v.toml:9:1: field 2: "a" (column 1) is mapped twice`},
	} {
		text := least + c.to
		if c.from != "" {
			text = strings.Replace(least, c.from, c.to, 1)
		}
		_, err := config.Parse("v.toml", []byte(text), drivers())
		if err == nil {
			t.Errorf("accepted:\n%s", text)
			continue
		}
		if got := "\n" + err.Error(); got != c.want {
			t.Errorf("%s%s\ngot:%s\nwant:%s", c.from, c.to, got, c.want)
		}
	}
}

// Everything is reported in one go, also from nothing.
func TestEmptyFile(t *testing.T) {
	_, err := config.Parse("v.toml", nil, drivers())
	var ps config.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("%v is no Problems", err)
	}
	const want = `v.toml:1:1: missing "site"; the directory that ` + "`vitalseal site`" + ` made
v.toml:1:1: missing "name" in [gateway]; the name in the gateway's certificate
v.toml:1:1: missing "url" in [broker]; such as "mqtts://broker.example:8883"
v.toml:1:1: missing "sensor"; write [[sensor]] with device, driver and port`
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}

// A password in a URL is refused, and not repeated in the refusal.
func TestPasswordIsNotShown(t *testing.T) {
	for _, url := range []string{
		"mqtts://user:hunter2@broker.example", "mqtts:user:hunter2@broker", "mqtt://user:hunter2@broker",
		"user:hunter2@broker", "mqtts://user:hunter2%zz@broker", "mqtts://broker/?password=hunter2", "mqtts://broker#hunter2",
	} {
		_, err := config.Parse("v.toml", []byte(strings.Replace(least, "mqtts://broker.example", url, 1)), drivers())
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", url, err)
		}
	}
}
