package machine

// Board is a microcontroller board that is to be started: QEMU's lm3s6965evb, a
// Cortex-M3 with 256 KiB of flash and 64 KiB of RAM.
type Board struct {
	Image   string // path of the program
	Serial  string // path of the unix socket that is the other end of UART 1
	Flash   string // path of a file that the program uses as flash, by semihosting; empty: none
	Dir     string // for sockets
	Console *Console
}

// Start gives the board power.
func (b *Board) Start() (*Machine, error) {
	args := []string{
		"-machine", "lm3s6965evb", "-kernel", b.Image,
		"-chardev", "socket,id=line,path=" + b.Serial + ",server=off", "-serial", "chardev:line",
	}
	if b.Flash != "" {
		args = append(args, "-semihosting-config", "enable=on,target=native,arg="+b.Flash)
	}
	return start("qemu-system-arm", b.Dir, b.Console, args)
}
