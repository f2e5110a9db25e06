package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/vitalseal/vitalseal/firmware-bridge/sensor"
	"github.com/vitalseal/vitalseal/sdk/core/keys"
	"github.com/vitalseal/vitalseal/sdk/identity"
)

func deviceAddCommand() command {
	return command{
		name: "device add", args: "DIR GATEWAY NAME [-psk]", summary: "make the identity of a device",
		about: `
Makes the keys of a device in the directory of its gateway, enters it into the
roster of the site at DIR, and prints the section for the gateway's configuration.
A device is one sensor: a gateway has one for each.

With -public it makes no keys, but enrols those of a sensor that seals for itself
and made them: its public key in PEM (Ed25519 or P-256, "PUBLIC KEY"), and its
pre-shared key of generation 0 in a file that only its owner may read, as 64
hexadecimal digits. Recipients get copies of the latter; the gateway gets neither.
"vitalseal device provision" makes such keys, for sensors that cannot.

The roster has changed then: copy the directories of gateways and recipients to
where they are used.`,
		example: "vitalseal device add site gw-1 oximeter-3",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			var o identity.DeviceOptions
			flags.BoolVar(&o.PreShared, "psk", false, "pre-shared key in the place of recipients' public keys, as microcontrollers have it")
			p256 := flags.Bool("p256", false, "sign with ECDSA on P-256 in the place of Ed25519")
			public := flags.String("public", "", "enrol the public key in `FILE`, of a sensor that seals for itself")
			pskFile := flags.String("psk-file", "", "with -public: the sensor's pre-shared key is in `FILE`")
			return func(c *call) error {
				if err := c.want("device add", 3, 3); err != nil {
					return err
				}
				if *public != "" || *pskFile != "" {
					if *p256 || o.PreShared {
						return &usageError{text: "-psk and -p256 are for keys that are made here", hint: see("device add")}
					}
					return enrolDevice(c, *public, *pskFile)
				}
				if *p256 {
					o.Algorithm = keys.AlgESP256
				}
				return addDevice(c, o)
			}
		},
	}
}

func addDevice(c *call, o identity.DeviceOptions) error {
	site, err := openSite(c.args[0])
	if err != nil {
		return err
	}
	d, err := site.AddDevice(c.args[1], c.args[2], o)
	if err != nil {
		return err
	}
	return added(c, site, &d, sensorSection(d.Name))
}

// added says what to do once a device is enrolled.
func added(c *call, site *identity.Site, d *identity.Device, section string) error {
	_, err := fmt.Fprintf(c.stdout, `added device %q (%v) of gateway %q
Copy %s to the gateway, and add to its configuration:

%s`, d.Name, d.KeyID, d.Gateway, filepath.Join(site.Dir, "gateways", d.Gateway), section)
	return err
}

// linkSection is what the configuration says of a device that seals for itself.
func linkSection(device string) string {
	return fmt.Sprintf(`[[sensor]]
device = %q
driver = "link"
port = "/dev/serial/by-id/CHANGE-ME" # "ls /dev/serial/by-id" has the names
`, device)
}

// sensorSection is what the configuration says of a device, up to what only the
// person at the bed knows.
func sensorSection(device string) string {
	return fmt.Sprintf(`[[sensor]]
device = %q
driver = "nonin-df2" # or %s
port = "/dev/serial/by-id/CHANGE-ME" # "ls /dev/serial/by-id" has the names
`, device, strings.Join(sensor.Names()[1:], ", "))
}

func deviceRevokeCommand() command {
	return command{
		name: "device revoke", args: "DIR NAME|KEY-ID", summary: "refuse all that a device seals from now on",
		about: `
Revokes a device in the roster of the site at DIR, by its name or by its key id of
16 hexadecimal digits, and erases the site's copy of its keys. Receivers refuse
its messages as soon as they have the new roster: copy the directories of
recipients to where they are used. The name can be given to a new device then.`,
		example: "vitalseal device revoke site oximeter-3",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("device revoke", 2, 2); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				if err := site.RevokeDevice(c.args[1], time.Now()); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.stdout, "revoked device %q\nCopy %s to the receivers.\n", c.args[1],
					filepath.Join(site.Dir, "recipients", "*"))
				return err
			}
		},
	}
}

func deviceListCommand() command {
	return command{
		name: "device list", args: "DIR [-json]", summary: "list the devices of a site",
		about:   "Lists the devices in the roster of the site at DIR, revoked ones too.",
		example: "vitalseal device list site",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			asJSON := flags.Bool("json", false, "print a JSON array")
			return func(c *call) error {
				if err := c.want("device list", 1, 1); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				devices := describeDevices(site.Roster(), time.Now())
				if *asJSON {
					return printJSON(c.stdout, devices)
				}
				return printTable(c.stdout, deviceRows(devices))
			}
		},
	}
}
