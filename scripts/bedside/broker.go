package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/vitalseal/vitalseal/scripts/mosquitto"
)

// broker is mosquitto with the settings and the access list that are shipped.
type broker struct {
	port string

	cmd   *exec.Cmd
	ended chan struct{}
}

// startBroker runs mosquitto on a port of loopback with the certificates in a
// folder of the site, keeping what it keeps in dir.
func startBroker(dir, certificates string) (*broker, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	acl := filepath.Join(dir, "acl")
	if err := os.WriteFile(acl, []byte(mosquitto.ACL), 0o600); err != nil {
		return nil, err
	}
	conf := strings.NewReplacer(
		"listener 8883", "listener "+port+" 127.0.0.1",
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
	if err := os.WriteFile(file, []byte(conf), 0o600); err != nil {
		return nil, err
	}
	b := &broker{port: port, ended: make(chan struct{})}
	return b, b.run(file)
}

// run starts the process and returns when it takes connections.
func (b *broker) run(conf string) error {
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
	case <-time.After(20 * time.Second):
		b.close()
		return errors.New("mosquitto does not come up: " + said.String())
	}
}

func (b *broker) close() {
	_ = b.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	<-b.ended
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}
