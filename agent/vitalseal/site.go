package main

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/vitalseal/vitalseal/sdk/identity"
)

// openSite opens the administrator's directory of a site.
func openSite(dir string) (*identity.Site, error) {
	site, err := identity.OpenSite(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &hinted{err, `is it the directory of a site? "vitalseal site init" makes one`}
	}
	return site, err
}

func siteGatewayCommand() command {
	return command{
		name: "site gateway", args: "DIR NAME", summary: "make the directory of a gateway",
		about: `
Makes the certificate of a gateway, in DIR/gateways/NAME, and beside it NAME.toml,
a configuration to begin with. Copy both to one machine, and never to two: they
would look like a forgery to receivers.`,
		example: "vitalseal site gateway site gw-1",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("site gateway", 2, 2); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				name := c.args[1]
				if err := site.AddGateway(name); err != nil {
					return err
				}
				file, err := writeGatewayConfig(site.Dir, name, brokerURL(site.Dir), nil)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.stdout, "made gateway %q in %s and its configuration %s\nNext: vitalseal device add %s %s NAME\n",
					name, filepath.Join(site.Dir, "gateways", name), file, site.Dir, name)
				return err
			}
		},
	}
}

func siteRecipientCommand() command {
	return command{
		name: "site recipient", args: "DIR NAME", summary: "make the directory of somebody who may read",
		about: `
Makes the keys and the certificate of a recipient, in DIR/recipients/NAME. What
devices seal from their next start on (a day at the latest) it can open, once
gateways have the new roster: copy their directories to where they are used.`,
		example: "vitalseal site recipient site station",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			var o identity.RecipientOptions
			flags.BoolVar(&o.Classical, "classical", false, "X25519 only, for a platform without ML-KEM: a quantum computer could open recordings")
			return func(c *call) error {
				if err := c.want("site recipient", 2, 2); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				key, err := site.AddRecipient(c.args[1], o)
				if err != nil {
					return err
				}
				_, kid := key.ID()
				_, err = fmt.Fprintf(c.stdout, "made recipient %q (%v) in %s\nCopy %s to the gateways.\n",
					key.Name, kid, filepath.Join(site.Dir, "recipients", key.Name), filepath.Join(site.Dir, "gateways", "*"))
				return err
			}
		},
	}
}

func siteRemoveCommand() command {
	return command{
		name: "site remove", args: "DIR RECIPIENT", summary: "seal nothing more to a recipient",
		about: `
Takes a recipient off the roster and erases the site's copy of its keys. What
devices seal from their next start on (a day at the latest) it cannot open, once
gateways have the new roster. What it could open before, it still can.`,
		example: "vitalseal site remove site station",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("site remove", 2, 2); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				if err := site.RemoveRecipient(c.args[1]); err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.stdout, "removed recipient %q\nCopy %s to the gateways.\n", c.args[1], filepath.Join(site.Dir, "gateways", "*"))
				return err
			}
		},
	}
}

func siteBrokerCommand() command {
	return command{
		name: "site broker", args: "DIR HOST...", summary: "make the broker's certificate and settings",
		about: `
Makes the certificate of the site's broker, in DIR/broker, for the given names or
addresses and localhost, and beside it a configuration and an access list for
mosquitto 2. Gateways and receivers find the broker under the first name.`,
		example: "vitalseal site broker site broker.ward-3.example\nmosquitto -c site/broker/mosquitto.conf",
		prepare: func(*flag.FlagSet) func(*call) error {
			return func(c *call) error {
				if err := c.want("site broker", 2, -1); err != nil {
					return err
				}
				site, err := openSite(c.args[0])
				if err != nil {
					return err
				}
				if err := site.AddBroker(c.args[1:]); err != nil {
					return err
				}
				file, err := writeBrokerConfig(filepath.Join(site.Dir, "broker"), site.Dir)
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(c.stdout, "made the broker's certificate in %s\nNext: mosquitto -c %s\n", filepath.Join(site.Dir, "broker"), file)
				return err
			}
		},
	}
}

func siteRenewCommand() command {
	return command{
		name: "site renew", args: "DIR [-days N]", summary: "renew certificates that end soon",
		about: `
Renews all certificates of the site at DIR that end within the given number of
days, for the keys and names that they have, and prints their files. Copy each to
where it is used: it is picked up at the next connection. A gateway that an earlier
version made gets the identity of its own under which it reports foreign devices,
and such a recipient the key that it signs receipts with: bring all gateways and
receivers up to date before, since earlier versions do not read that roster.`,
		example: "vitalseal site renew site -days 60",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			days := flags.Int("days", 30, "renew what ends within `N` days")
			return func(c *call) error {
				if err := c.want("site renew", 1, 1); err != nil {
					return err
				}
				if *days < 0 || *days > 36500 {
					return &usageError{text: fmt.Sprintf("-days %d is not between 0 and 36500", *days), hint: see("site renew")}
				}
				return renew(c, time.Duration(*days)*day)
			}
		},
	}
}

const day = 24 * time.Hour

func renew(c *call, within time.Duration) error {
	site, err := openSite(c.args[0])
	if err != nil {
		return err
	}
	before := site.Roster()
	renewed, err := site.RenewCertificates(within)
	for _, file := range renewed {
		if _, err := fmt.Fprintln(c.stdout, file); err != nil {
			return err
		}
	}
	if err != nil {
		return err
	}
	if len(renewed) == 0 {
		fmt.Fprintln(c.stderr, "vitalseal: no certificate ends within that time")
	}
	after := site.Roster()
	if len(after.Devices) != len(before.Devices) {
		fmt.Fprintln(c.stderr, "vitalseal: gateways have got identities of their own")
	}
	for i := range after.Recipients {
		if k := &after.Recipients[i]; k.Sign != before.Recipients[i].Sign {
			fmt.Fprintf(c.stderr, "vitalseal: recipient %q can sign receipts now: copy %s to it\n",
				k.Name, filepath.Join(site.Dir, "recipients", k.Name))
		}
	}
	if after.Serial != before.Serial {
		fmt.Fprintf(c.stderr, "vitalseal: copy %s to the gateways\n", filepath.Join(site.Dir, "gateways", "*"))
	}
	return nil
}
