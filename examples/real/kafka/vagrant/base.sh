# What every machine gets, whatever it is for. The original installs Java and links the checkout.
ln -sfn /vagrant /opt/kafka
