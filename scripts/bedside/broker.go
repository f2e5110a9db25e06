package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vitalseal/vitalseal/scripts/mosquitto"
	"github.com/vitalseal/vitalseal/sdk/mqtt/mqtttest"
)

// broker is mosquitto with the settings and the access list that are shipped.
type broker struct {
	port string

	release func() // of the port
	cmd     *exec.Cmd
	ended   chan struct{}
}

// startBroker runs mosquitto on a port of loopback with the certificates in a
// folder of the site, keeping what it keeps in dir.
func startBroker(dir, certificates string) (*broker, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	port, release, err := mqtttest.HoldPort()
	if err != nil {
		return nil, err
	}
	b := &broker{port: port, release: release, ended: make(chan struct{})}
	if err := b.run(dir, certificates); err != nil {
		release()
		return nil, err
	}
	return b, nil
}

// configure writes the configuration, and returns its path.
func (b *broker) configure(dir, certificates string) (string, error) {
	acl := filepath.Join(dir, "acl")
	if err := os.WriteFile(acl, []byte(mosquitto.ACL), 0o600); err != nil {
		return "", err
	}
	conf := strings.NewReplacer(
		"listener 8883", "listener "+b.port+" 127.0.0.1",
		"/etc/mosquitto/certs/ca.pem", filepath.Join(certificates, "ca.pem"),
		"/etc/mosquitto/certs/broker.pem", filepath.Join(certificates, "cert.pem"),
		"/etc/mosquitto/certs/broker.key", filepath.Join(certificates, "key.pem"),
		"/etc/mosquitto/vitalseal.acl", acl,
		"/var/lib/mosquitto/", dir+"/",
	).Replace(mosquitto.Conf) + "log_dest stderr\n"
	if os.Getuid() == 0 {
		conf += "user root\n" // or it would become a user that cannot read these files
	}
	file := filepath.Join(dir, "mosquitto.conf")
	return file, os.WriteFile(file, []byte(conf), 0o600)
}

// run starts the process and returns when it takes connections.
func (b *broker) run(dir, certificates string) error {
	conf, err := b.configure(dir, certificates)
	if err != nil {
		return err
	}
	program, err := exec.LookPath("mosquitto")
	if err != nil {
		program = "/usr/sbin/mosquitto" // not in everybody's PATH
	}
	b.cmd = exec.Command(program, "-c", conf)
	stderr, err := b.cmd.StderrPipe()
	if err != nil {
		return err
	}
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("%v: scripts/install installs it", err)
	}
	running := make(chan struct{})
	var said strings.Builder // read after ended only
	go func() {
		defer close(b.ended)
		for lines := bufio.NewScanner(stderr); lines.Scan(); {
			said.WriteString(lines.Text() + "\n")
			if strings.HasSuffix(lines.Text(), " running") {
				close(running)
			}
		}
		_ = b.cmd.Wait() // how it ended is how we ended it
	}()
	select {
	case <-running:
		return nil
	case <-b.ended:
		return errors.New("mosquitto ended at once: " + said.String())
	case <-time.After(patience):
		b.end()
		return errors.New("mosquitto does not come up: " + said.String())
	}
}

func (b *broker) end() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-b.ended
}

func (b *broker) close() {
	b.end()
	b.release()
}
