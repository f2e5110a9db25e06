package config_test

import (
	"fmt"

	"github.com/vitalseal/vitalseal/agent/config"
)

func ExampleParse() {
	const text = `
site = "/etc/vitalseal"

[gateway]
name = "bed12"

[broker]
url = "mqtt://broker.example"

[[sensor]]
device = "oximeter-3"
drivr = "nonin-df2"
driver = "nonin-df22"
port = "/dev/serial/by-id/usb-FTDI_A1B2-if00-port0"
silence = "5 s"
`
	_, err := config.Parse("vitalseal.toml", []byte(text), []string{"lines", "nonin-df2"})
	fmt.Println(err)
	// Output:
	// vitalseal.toml:8:7: broker scheme "mqtt" is plaintext; readings are sealed, but who talks to whom and when is not: write "mqtts://HOST:8883"
	// vitalseal.toml:12:1: unknown key "drivr" in [[sensor]]; did you mean "driver"?
	// vitalseal.toml:13:10: unknown driver "nonin-df22"; did you mean "nonin-df2"?
	// vitalseal.toml:15:11: bad duration "5 s" for "silence" in [[sensor]]; write a number and a unit, such as "1s" or "500ms"
}
