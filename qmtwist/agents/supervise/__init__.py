"""Programs kept running, and told what to do. (daemontools)"""
