//go:build linux

// Command guest is the first process of an emulated gateway, in place of an init
// and of udev: it loads the modules that the initramfs brings, mounts the disk,
// sets up the network, names serial adapters by the socket they are in, and keeps
// the gateway's agent running.
//
// Usage, on the kernel's command line: ... -- ADDRESS/BITS ROUTER PROGRAM ARGUMENT...
//
// It says on the console, in lines that begin with "bedside:", what there is to be
// measured: when it began to run the agent, and how much memory the agent takes.
package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vitalseal/vitalseal/scripts/bedside/inside"
)

func main() {
	if os.Getpid() != 1 {
		fmt.Fprintln(os.Stderr, "guest: error: this is the first process of an emulated machine, not a program for another")
		os.Exit(2)
	}
	err := run(os.Args[1:])
	fmt.Println("bedside: failed:", err)
	inside.PowerOff()
}

// run returns only with an error.
func run(args []string) error {
	if len(args) < 3 {
		return fmt.Errorf("%d arguments on the kernel's command line are too few", len(args))
	}
	if err := inside.MountKernel(); err != nil {
		return err
	}
	devices, err := watchDevices()
	if err != nil {
		return err
	}
	if err := inside.LoadModules("/modules"); err != nil {
		return err
	}
	if err := errors.Join(mountDisk("/dev/vda", diskFolder), connect("eth0", args[0], args[1])); err != nil {
		return err
	}
	go devices.follow()
	fmt.Println("bedside: ready uptime=" + inside.Uptime())
	return keepRunning(args[2:])
}

// diskFolder is where the disk is mounted.
const diskFolder = "/var/gateway"

// mountDisk mounts the gateway's disk as soon as the kernel has found it, and
// gives what is on it to root: it was written by whoever made the image.
func mountDisk(device, folder string) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	if err := inside.Appears(device); err != nil {
		return err
	}
	if err := unix.Mount(device, folder, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", device, err)
	}
	return filepath.Walk(folder, func(path string, info os.FileInfo, err error) error {
		if err != nil || info.Sys().(*syscall.Stat_t).Uid == 0 {
			return err
		}
		return os.Lchown(path, 0, 0)
	})
}

// keepRunning runs a program, and runs it again a second after it ends, as a
// service manager does.
func keepRunning(command []string) error {
	for {
		agent := exec.Command(command[0], command[1:]...)
		agent.Stdout, agent.Stderr = os.Stdout, os.Stderr
		if err := agent.Start(); err != nil {
			return err
		}
		fmt.Println("bedside: agent pid=" + strconv.Itoa(agent.Process.Pid) + " uptime=" + inside.Uptime())
		ended := make(chan struct{})
		go reportMemory(agent.Process.Pid, ended)
		err := agent.Wait()
		close(ended)
		fmt.Println("bedside: agent ended:", err)
		time.Sleep(time.Second)
	}
}

// reportMemory prints what a process takes, in KiB, every few seconds.
func reportMemory(pid int, ended <-chan struct{}) {
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
			if err == nil {
				fmt.Printf("bedside: memory rss=%s highest=%s\n", field(status, "VmRSS:"), field(status, "VmHWM:"))
			}
		case <-ended:
			return
		}
	}
}

// field returns the number after a key of /proc/PID/status.
func field(status []byte, key string) string {
	_, rest, _ := strings.Cut(string(status), key)
	words := strings.Fields(rest)
	if len(words) == 0 {
		return "0"
	}
	return words[0]
}
