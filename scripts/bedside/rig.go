package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/vitalseal/vitalseal/scripts/bedside/machine"
	"github.com/vitalseal/vitalseal/scripts/bedside/wire"
	"github.com/vitalseal/vitalseal/sdk"
	"github.com/vitalseal/vitalseal/sdk/identity"
	"github.com/vitalseal/vitalseal/sdk/mqtt"
)

const (
	siteName    = "ward-3"
	gatewayName = "gateway-1"
	stationName = "station"

	// portName is what the guest calls the one socket that has an adapter in it.
	portName = "/dev/serial/by-path/usb-1-1:1.0"
)

// rig is a bedside: sensors, the wire, the gateway, the broker and a receiver.
type rig struct {
	arch string // of the gateway
	kind kind
	out  io.Writer // for people

	root    string // of the module
	dir     string // everything that is made, removed at the end
	site    *identity.Site
	broker  *broker
	ledger  *ledger
	wire    *wire.Wire
	wires   []*wire.Wire // all, to be closed
	sensors []sensor
	gateway machine.Gateway
	guest   *machine.Machine // nil: without power
	console *guestConsole

	stopReceiver func() error
}

// newRig builds everything and starts all but sensors and gateway. The caller
// closes it, also after an error.
func newRig(root, arch string, k kind, out io.Writer) (*rig, error) {
	// Paths of sockets are short: unix(7) allows 107 bytes.
	dir, err := os.MkdirTemp("", "bedside")
	if err != nil {
		return nil, err
	}
	r := &rig{arch: arch, kind: k, out: out, root: root, dir: dir, console: newGuestConsole()}
	for _, step := range []func() error{r.buildSensor, r.buildSite, r.startReceiver, r.buildGateway, r.connectWire} {
		if err := step(); err != nil {
			return r, err
		}
	}
	return r, nil
}

func (r *rig) path(parts ...string) string {
	return filepath.Join(append([]string{r.dir}, parts...)...)
}

func (r *rig) say(format string, args ...any) { fmt.Fprintf(r.out, format+"\n", args...) }

func (r *rig) buildSensor() error {
	if r.kind.prepare == nil {
		return nil
	}
	return r.kind.prepare(r)
}

// buildSite does what an administrator does once.
func (r *rig) buildSite() error {
	site, err := identity.CreateSite(r.path("site"), siteName, identity.SiteOptions{})
	if err != nil {
		return err
	}
	r.site = site
	if _, err := site.AddRecipient(stationName, identity.RecipientOptions{}); err != nil {
		return err
	}
	if err := errors.Join(site.AddBroker([]string{machine.HostAddress}), site.AddGateway(gatewayName)); err != nil {
		return err
	}
	if err := r.kind.enrol(r, site); err != nil {
		return err
	}
	r.broker, err = startBroker(r.path("broker"), r.path("site", "broker"))
	return err
}

// startReceiver runs the receiver and returns when it has subscribed.
func (r *rig) startReceiver() error {
	r.ledger = newLedger(r.kind.identify)
	subscribed, once := make(chan struct{}), sync.Once{}
	receiver, err := sdk.OpenReceiver(sdk.ReceiverConfig{
		Identity: r.path("site", "recipients", stationName), Broker: "mqtts://localhost:" + r.broker.port, Sink: r.ledger,
		TrustFirst: true, // the site is a minute old: there is nothing to replay
		OnState: func(s mqtt.State) {
			if s.Connected {
				once.Do(func() { close(subscribed) })
			}
		},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- receiver.Run(ctx) }()
	r.stopReceiver = func() error {
		cancel()
		return errors.Join(<-ended, receiver.Close())
	}
	select {
	case <-subscribed:
		return nil
	case <-time.After(patience):
		return errors.New("the receiver does not subscribe")
	}
}

// goArch is how Go is told to build for a gateway.
var goArch = map[string][]string{
	"arm64": {"GOARCH=arm64"},
	"armv7": {"GOARCH=arm", "GOARM=7"},
}

// build builds a static program for the gateway, with the flags of scripts/build,
// so that what was built there need not be compiled again.
func (r *rig) build(pkg, file string) error {
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", file, pkg)
	cmd.Dir = r.root
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), goArch[r.arch]...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %v\n%s", pkg, err, out)
	}
	return nil
}

// buildGateway makes the initramfs and the disk.
func (r *rig) buildGateway() error {
	kernel, err := machine.FindKernel(r.arch)
	if err != nil {
		return err
	}
	if err := errors.Join(r.build("./scripts/bedside/guest", r.path("init")), r.build("./agent/vitalseal", r.path("vitalseal"))); err != nil {
		return err
	}
	initramfs, err := kernel.Initramfs(r.path("init"), map[string]string{"vitalseal": r.path("vitalseal")})
	if err != nil {
		return err
	}
	if err := os.WriteFile(r.path("initramfs"), initramfs, 0o600); err != nil {
		return err
	}
	r.say("gateway: linux/%s, %s, initramfs of %.1f MB", r.arch, kernel.Version, float64(len(initramfs))/1e6)
	r.gateway = machine.Gateway{
		Arch: r.arch, Kernel: kernel, Initramfs: r.path("initramfs"), Disk: r.path("disk"), Dir: r.dir,
		Arguments: []string{machine.GuestAddress + "/24", machine.HostAddress,
			"/vitalseal", "run", "-test", "-config", "/var/gateway/vitalseal.toml"},
		Console: &machine.Console{Line: r.console.line},
	}
	return r.makeDisk()
}

// makeDisk puts the gateway's directory and configuration on its disk.
func (r *rig) makeDisk() error {
	disk := r.path("files")
	if err := os.CopyFS(filepath.Join(disk, "site"), os.DirFS(r.path("site", "gateways", gatewayName))); err != nil {
		return err
	}
	if err := privateLike(r.path("site", "gateways", gatewayName), filepath.Join(disk, "site")); err != nil {
		return err
	}
	conf := fmt.Sprintf(`site = "site"
data = "data"
[gateway]
name = %q
[broker]
url = "mqtts://%s:%s"
[batch]
every = "0s"
heartbeat = "5s"
`, gatewayName, machine.HostAddress, r.broker.port)
	for _, p := range r.kind.placesOrOne() {
		conf += fmt.Sprintf("[[sensor]]\ndevice = %q\nport = %q\n%s", p.device, p.port, r.kind.config)
	}
	if err := os.WriteFile(filepath.Join(disk, "vitalseal.toml"), []byte(conf), 0o600); err != nil {
		return err
	}
	return machine.MakeDisk(r.gateway.Disk, disk, 128)
}

// privateLike gives a copied tree the permissions of the original, which CopyFS
// widens by the umask at most for files and ignores for folders.
func privateLike(original, copied string) error {
	return filepath.Walk(original, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(original, path)
		if err != nil {
			return err
		}
		return os.Chmod(filepath.Join(copied, name), info.Mode().Perm())
	})
}

// connectWire joins the sensors and what they are plugged into.
func (r *rig) connectWire() error {
	if r.kind.connect != nil {
		return r.kind.connect(r)
	}
	var tap wire.Tap
	if r.kind.tap != nil {
		tap = r.kind.tap(r.ledger)
	}
	sockets := []string{r.path("sensor-0"), r.path("sensor-1")}
	adapter := machine.Adapter{Name: "adapter", Line: r.path("line"), Socket: 1}
	r.gateway.Adapters = []machine.Adapter{adapter}
	w, err := wire.Open(adapter.Line, sockets, tap)
	if err != nil {
		return err
	}
	r.wire, r.wires = w, []*wire.Wire{w}
	for i, socket := range sockets {
		s, err := r.kind.make(r, i, socket)
		if err != nil {
			return err
		}
		r.sensors = append(r.sensors, s)
	}
	return nil
}

// boot gives the gateway power.
func (r *rig) boot() (err error) {
	r.console.restart()
	r.guest, err = r.gateway.Start()
	return err
}

// powerCut takes it away.
func (r *rig) powerCut() {
	if r.guest != nil {
		r.guest.Kill()
		r.guest = nil
	}
}

// close ends all that was started and removes all that was made.
func (r *rig) close() error {
	var errs []error
	r.powerCut()
	for _, s := range r.sensors {
		_ = s.off() // it may be off
	}
	for _, w := range r.wires {
		errs = append(errs, w.Close())
	}
	if r.stopReceiver != nil {
		errs = append(errs, r.stopReceiver())
	}
	if r.broker != nil {
		r.broker.close()
	}
	return errors.Join(append(errs, os.RemoveAll(r.dir))...)
}

// guestConsole finds in what the gateway says what there is to be measured.
type guestConsole struct {
	mu      sync.Mutex
	started time.Time
	opened  time.Duration // from power to the serial port's being open; 0: not yet
	highest int           // KiB, the most memory that the agent had resident
	said    []string      // all lines
	changed chan struct{} // closed with each change
}

func newGuestConsole() *guestConsole { return &guestConsole{changed: make(chan struct{})} }

func (c *guestConsole) restart() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.started, c.opened = time.Now(), 0
}

var memoryLine = regexp.MustCompile(`^bedside: memory rss=\d+ highest=(\d+)$`)

func (c *guestConsole) line(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(text, `msg="port is open"`) && c.opened == 0 {
		c.opened = time.Since(c.started)
	}
	if m := memoryLine.FindStringSubmatch(text); m != nil {
		kib, _ := strconv.Atoi(m[1]) // digits
		c.highest = max(c.highest, kib)
	}
	c.said = append(c.said, text)
	close(c.changed)
	c.changed = make(chan struct{})
}

// lines returns how many lines were said so far.
func (c *guestConsole) lines() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.said)
}

// until waits for a line, after the first so many, that has all of the words.
func (c *guestConsole) until(ctx context.Context, after int, words ...string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		c.mu.Lock()
		fresh, changed := c.said[after:], c.changed
		c.mu.Unlock()
		for _, line := range fresh {
			after++
			if !slices.ContainsFunc(words, func(word string) bool { return !strings.Contains(line, word) }) {
				return nil
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the gateway says in no line %q", words)
		}
	}
}

// portOpened returns how long the serial port took to be open since the last boot.
func (c *guestConsole) portOpened() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.opened
}

// memory returns the most that the agent had resident, in KiB.
func (c *guestConsole) memory() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.highest
}
