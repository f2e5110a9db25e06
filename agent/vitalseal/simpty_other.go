//go:build !unix

package main

import "errors"

func openPTY(string) (place, error) {
	return nil, &hinted{errors.New("this system has no pseudo-terminals"), "use tcp:127.0.0.1:PORT"}
}
