"""Local platforms: stateful servers that speak HubSpot's and Mailchimp's APIs over real sockets.

They share no code with the connectors, on purpose: a server that did would repeat its client's misreadings.
"""
