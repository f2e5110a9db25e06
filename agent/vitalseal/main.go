// Command vitalseal seals the readings of serial-attached sensors at a gateway,
// receives and verifies them, and makes and looks after the identities of a site.
//
// Each subcommand has a file of its own. Results go to standard output,
// everything else to standard error. Exit status: 0 done, 1 failed, 2 called in
// a way that makes no sense.
package main

import "os"

func main() {
	os.Exit(run(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
