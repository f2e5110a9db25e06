// Command powercut cuts the power of an emulated computer under an outbox, on a real
// ext4 of a real kernel, at each of many moments of one run: see the guest.
//
// Run it through scripts/powercut, which gets the kernel first. Exit status: 0 if
// nothing is lost or doubled; 1 if not; 2 for a bad command line.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vitalseal/vitalseal/scripts/bedside/machine"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const (
	exitOK = iota
	exitFailed
	exitUsage
)

// run is the command: it returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("powercut", flag.ContinueOnError)
	flags.SetOutput(stderr)
	var c cuts
	flags.StringVar(&c.arch, "gateway", "arm64", "`kind` of gateway: arm64 or armv7")
	flags.IntVar(&c.commits, "commits", 150, "`number` of commits of the one run")
	flags.IntVar(&c.cuts, "cuts", 200, "`number` of cuts")
	flags.IntVar(&c.seed, "seed", int(rand.Uint32()>>1), "repeats a run as far as the kernel does")
	flags.BoolVar(&c.careless, "careless", false, "have no file of the outbox synced: there must be losses then")
	if err := flags.Parse(args); errors.Is(err, flag.ErrHelp) {
		return exitOK
	} else if err != nil {
		return exitUsage
	}
	if goArch[c.arch] == nil {
		fmt.Fprintf(stderr, "powercut: error: gateway %q is neither arm64 nor armv7\n", c.arch)
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "powercut: error: unexpected argument %q\n", flags.Arg(0))
		return exitUsage
	}
	console, err := c.run(stdout)
	if err != nil {
		fmt.Fprintf(stderr, "the console:\n%s\npowercut: error: %v\n", console, err)
		return exitFailed
	}
	return exitOK
}

// cuts says what is to be done.
type cuts struct {
	arch                string
	seed, commits, cuts int
	careless            bool
}

// goArch is how Go is told to build for a gateway.
var goArch = map[string][]string{
	"arm64": {"GOARCH=arm64"},
	"armv7": {"GOARCH=arm", "GOARM=7"},
}

const (
	diskMiB = 16
	logMiB  = 64 // more than is written; the blocks that nothing is in take no space
)

// run does it, and prints what the guest has to say. The error says what was lost.
func (c *cuts) run(out io.Writer) (console string, err error) {
	dir, err := os.MkdirTemp("", "powercut")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	fmt.Fprintf(out, "powercut: seed %d\n", c.seed)
	last := make(chan string, 1)
	g := &machine.Gateway{
		Arch: c.arch, Dir: dir, Disk: filepath.Join(dir, "disk"), Second: filepath.Join(dir, "log"),
		Initramfs: filepath.Join(dir, "initramfs"),
		Arguments: []string{strconv.Itoa(c.seed), strconv.Itoa(c.commits), strconv.Itoa(c.cuts)},
		Console: &machine.Console{Line: func(line string) {
			said, ok := strings.CutPrefix(line, "powercut: ")
			if !ok {
				return
			}
			fmt.Fprintln(out, line)
			if said == "done" || strings.HasPrefix(said, "failed: ") {
				last <- said
			}
		}},
	}
	if c.careless {
		g.Arguments = append(g.Arguments, "careless")
	}
	if g.Kernel, err = machine.FindKernel(c.arch); err != nil {
		return "", err
	}
	if err := c.build(g); err != nil {
		return "", err
	}
	m, err := g.Start()
	if err != nil {
		return "", err
	}
	defer m.Kill()
	<-m.Ended()
	select {
	case said := <-last:
		if said != "done" {
			err = errors.New(said)
		}
	default:
		err = errors.New("the machine ended without a verdict")
	}
	return g.Console.String(), err
}

// build makes the disks and the initramfs.
func (c *cuts) build(g *machine.Gateway) error {
	empty := filepath.Join(g.Dir, "empty")
	if err := errors.Join(os.Mkdir(empty, 0o700), machine.MakeDisk(g.Disk, empty, diskMiB)); err != nil {
		return err
	}
	if err := errors.Join(os.WriteFile(g.Second, nil, 0o600), os.Truncate(g.Second, logMiB<<20)); err != nil {
		return err
	}
	guest := filepath.Join(g.Dir, "init")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-buildvcs=false", "-o", guest,
		"github.com/vitalseal/vitalseal/scripts/bedside/powercut/guest")
	build.Env = append(append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux"), goArch[c.arch]...)
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the guest: %w\n%s", err, said)
	}
	initramfs, err := g.Kernel.Initramfs(guest, nil, "dm_log_writes", "loop")
	if err != nil {
		return err
	}
	return os.WriteFile(g.Initramfs, initramfs, 0o600)
}
