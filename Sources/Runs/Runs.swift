import HostCalls
