package link_test

func gatewayVectors() []*vector { return nil }
