package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vitalseal/vitalseal/sdk/identity"
)

func siteInitCommand() command {
	return command{
		name: "site init", args: "DIR [-name SITE] [FLAGS]", summary: "make a site: its key, its certificate authority, its roster",
		about: `
Makes the directory of a new site. With -gateway, -device, -recipient and -broker
it makes all that a small site or a bench needs, and says what to do next; the
commands site gateway, device add, site recipient and site broker add to it later.

DIR holds the keys that vouch for everything else. Keep it away from gateways and
receivers, which get a directory each, and keep a copy of it.`,
		example: "vitalseal site init site -name ward-3 -gateway gw-1 -device oximeter-3 -recipient station -broker localhost",
		prepare: func(flags *flag.FlagSet) func(*call) error {
			var p plan
			flags.StringVar(&p.name, "name", "", "`NAME` of the site: a-z, 0-9 and '-' (default that of DIR)")
			flags.Var(&p.gateways, "gateway", "`NAME` of a gateway; can be repeated")
			flags.Var(&p.devices, "device", "`NAME` of a device, or GATEWAY/NAME where there are several; can be repeated")
			flags.Var(&p.recipients, "recipient", "`NAME` of somebody who may read; can be repeated")
			flags.Var(&p.brokers, "broker", "`HOST` name or address of the broker; can be repeated")
			return func(c *call) error {
				if err := c.want("site init", 1, 1); err != nil {
					return err
				}
				p.dir = filepath.Clean(c.args[0])
				if p.name == "" {
					p.name = filepath.Base(p.dir)
				}
				return p.run(c)
			}
		},
	}
}

// plan is what a site is to have.
type plan struct {
	dir, name                              string
	gateways, devices, recipients, brokers list
}

func (p *plan) run(c *call) error {
	if err := p.check(); err != nil {
		return err
	}
	if err := p.make(); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c.stdout, "made site %q in %s\n\nNext:\n", p.name, p.dir); err != nil {
		return err
	}
	return p.nextSteps(c.stdout)
}

func (p *plan) check() error {
	if p.dir == "." || p.dir == ".." || p.dir == "/" {
		return &usageError{text: fmt.Sprintf("%q is no directory to be made", p.dir), hint: "name a new one, such as site"}
	}
	if err := p.checkNames(); err != nil {
		return err
	}
	entries, err := os.ReadDir(p.dir)
	if len(entries) > 0 {
		return &hinted{fmt.Errorf("%q %w", p.dir, identity.ErrExists), "choose another directory: a site is never overwritten"}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (p *plan) checkNames() error {
	for _, names := range [][]string{{p.name}, p.gateways, p.recipients} {
		for _, name := range names {
			if err := identity.CheckName(name); err != nil {
				return &usageError{text: withoutPackage(err.Error()), hint: "names are in topics and certificates; choose one such as bed-12"}
			}
		}
	}
	for _, text := range p.devices {
		gateway, name, err := p.owner(text)
		if err == nil {
			err = identity.CheckName(name)
		}
		if err == nil && !slices.Contains(p.gateways, gateway) {
			err = fmt.Errorf("-device %q: there is no -gateway %q", text, gateway)
		}
		if err != nil {
			return &usageError{text: withoutPackage(err.Error()), hint: see("site init")}
		}
	}
	return nil
}

// owner takes GATEWAY/NAME apart; one gateway need not be named.
func (p *plan) owner(text string) (gateway, name string, err error) {
	if gateway, name, ok := strings.Cut(text, "/"); ok {
		return gateway, name, nil
	}
	if len(p.gateways) != 1 {
		return "", "", fmt.Errorf("-device %q belongs to one of %d gateways: write GATEWAY/%s", text, len(p.gateways), text)
	}
	return p.gateways[0], text, nil
}

// make makes the site under another name and puts it into place: it appears
// whole or not at all.
func (p *plan) make() error {
	parent := filepath.Dir(p.dir)
	if _, err := os.Stat(parent); err != nil {
		return &hinted{err, "make the directory above it first"}
	}
	temp, err := os.MkdirTemp(parent, ".new-site-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if err := p.fill(temp); err != nil {
		return err
	}
	return os.Rename(temp, p.dir) // over an empty directory too
}

func (p *plan) fill(dir string) error {
	site, err := identity.CreateSite(dir, p.name, identity.SiteOptions{})
	if err != nil {
		return err
	}
	for _, name := range p.recipients {
		if _, err := site.AddRecipient(name, identity.RecipientOptions{}); err != nil {
			return err
		}
	}
	if len(p.brokers) > 0 {
		if err := site.AddBroker(p.brokers); err != nil {
			return err
		}
		if _, err := writeBrokerConfig(filepath.Join(dir, "broker"), p.dir); err != nil {
			return err
		}
	}
	for _, gateway := range p.gateways {
		if err := p.addGateway(site, gateway); err != nil {
			return err
		}
	}
	return nil
}

func (p *plan) addGateway(site *identity.Site, gateway string) error {
	if err := site.AddGateway(gateway); err != nil {
		return err
	}
	var names []string
	for _, text := range p.devices {
		owner, name, _ := p.owner(text) // check has seen it
		if owner != gateway {
			continue
		}
		if _, err := site.AddDevice(gateway, name, identity.DeviceOptions{}); err != nil {
			return err
		}
		names = append(names, name)
	}
	_, err := writeGatewayConfig(site.Dir, gateway, brokerURL(site.Dir), names)
	return err
}

// nextSteps says what to do, with the commands for what is still missing.
func (p *plan) nextSteps(w io.Writer) error {
	var steps []string
	if len(p.brokers) == 0 {
		steps = append(steps, fmt.Sprintf("the broker: vitalseal site broker %s HOST", p.dir))
	} else {
		steps = append(steps, fmt.Sprintf("start the broker:\n     mosquitto -c %s", filepath.Join(p.dir, "broker", "mosquitto.conf")))
	}
	if len(p.gateways) == 0 {
		steps = append(steps, fmt.Sprintf("a gateway: vitalseal site gateway %s NAME", p.dir))
	}
	for _, gateway := range p.gateways {
		steps = append(steps, p.gatewayStep(gateway))
	}
	if len(p.recipients) == 0 {
		steps = append(steps, fmt.Sprintf("somebody who may read: vitalseal site recipient %s NAME", p.dir))
	}
	for _, name := range p.recipients {
		steps = append(steps, fmt.Sprintf("read at %q:\n     vitalseal receive -identity %s -broker %s",
			name, filepath.Join(p.dir, "recipients", name), brokerURL(p.dir)))
	}
	for i, step := range steps {
		if _, err := fmt.Fprintf(w, "  %d. %s\n", i+1, step); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, `
On other machines: copy the directory (and the .toml beside a gateway's) to the one
machine that uses it. %s itself stays with you: its keys vouch for all others.
`, p.dir)
	return err
}

func (p *plan) gatewayStep(gateway string) string {
	file := configOf(p.dir, gateway)
	has := slices.ContainsFunc(p.devices, func(text string) bool {
		owner, _, _ := p.owner(text)
		return owner == gateway
	})
	if !has {
		return fmt.Sprintf("a device of %q: vitalseal device add %s %s NAME", gateway, p.dir, gateway)
	}
	return fmt.Sprintf("run %q: set driver and port in %s, then\n     vitalseal check -config %s\n     vitalseal run -config %s",
		gateway, file, file, file)
}
